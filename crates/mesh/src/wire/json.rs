//! JSON that is put together from pieces which stay as they are written.

use std::fmt;

use maily_errors::Result;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

/// Writes one object, field by field, in the order of the calls.
#[derive(Debug)]
pub(crate) struct Object(String);

impl Object {
    pub(crate) fn new() -> Self {
        Self("{".to_owned())
    }

    /// An object that says what it is in `type`.
    pub(crate) fn of(kind: &str) -> Self {
        Self::new().text("type", kind)
    }

    /// Adds a value that is JSON already; its bytes stay as they are.
    pub(crate) fn raw(mut self, key: &str, json: &str) -> Self {
        if self.0.len() > 1 {
            self.0.push(',');
        }
        self.0.push_str(&text(key));
        self.0.push(':');
        self.0.push_str(json);
        self
    }

    /// Adds a text.
    pub(crate) fn text(self, key: &str, value: &str) -> Self {
        self.raw(key, &text(value))
    }

    /// Adds a number.
    pub(crate) fn number(self, key: &str, value: impl Into<u64>) -> Self {
        self.raw(key, &value.into().to_string())
    }

    /// Adds a field that may be absent.
    pub(crate) fn maybe(self, key: &str, json: Option<&RawValue>) -> Self {
        match json {
            Some(json) => self.raw(key, json.get()),
            None => self,
        }
    }

    /// Adds a text that may be absent.
    pub(crate) fn maybe_text(self, key: &str, value: Option<&str>) -> Self {
        match value {
            Some(value) => self.text(key, value),
            None => self,
        }
    }

    /// Ends the object.
    pub(crate) fn end(mut self) -> String {
        self.0.push('}');
        self.0
    }
}

/// Writes a list of values that are JSON already.
pub(crate) fn list<S: AsRef<str>>(items: &[S]) -> String {
    let items: Vec<&str> = items.iter().map(AsRef::as_ref).collect();
    format!("[{}]", items.join(","))
}

/// Writes a text, in quotes.
pub(crate) fn text(value: &str) -> String {
    serde_json::to_string(value).expect("a text always serializes")
}

/// The fields of an object as they are written, in their order.
#[derive(Debug, Default)]
pub(crate) struct Fields<'a>(pub(crate) Vec<(String, &'a RawValue)>);

impl<'a> Fields<'a> {
    /// Reads an object; `None` if it is not one.
    pub(crate) fn read(json: &'a RawValue) -> Option<Self> {
        serde_json::from_str(json.get()).ok()
    }

    /// Returns a field that is there and not `null`.
    pub(crate) fn get(&self, name: &str) -> Option<&'a RawValue> {
        let found = self.0.iter().find(|(field, _)| field == name)?;
        (found.1.get() != "null").then_some(found.1)
    }

    /// Says whether this field is the first of those that is there and not `null`.
    pub(crate) fn is_first(&self, name: &str, of: [&str; 2]) -> bool {
        let mut there = self.0.iter().filter(|(_, value)| value.get() != "null");
        there.find(|(field, _)| of.contains(&field.as_str())).is_some_and(|(field, _)| field == name)
    }

    /// Returns a field that is a text.
    pub(crate) fn text(&self, name: &str) -> Option<String> {
        self.get(name).and_then(as_text)
    }

    /// Returns the text of `type`, or nothing.
    pub(crate) fn kind(&self) -> String {
        self.text("type").unwrap_or_default()
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Fields<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;
        impl<'de> Visitor<'de> for InOrder {
            type Value = Vec<(String, &'de RawValue)>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut fields = Vec::new();
                while let Some(field) = map.next_entry()? {
                    fields.push(field);
                }
                Ok(fields)
            }
        }
        deserializer.deserialize_map(InOrder).map(Fields)
    }
}

/// Reads a text; `None` if it is something else.
pub(crate) fn as_text(json: &RawValue) -> Option<String> {
    serde_json::from_str(json.get()).ok()
}

/// Reads a list; `None` if it is something else.
pub(crate) fn as_list(json: &RawValue) -> Option<Vec<&RawValue>> {
    serde_json::from_str(json.get()).ok()
}
