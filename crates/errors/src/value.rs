//! A value that explains an error.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A value that explains an error: a number, a truth value or a text.
///
/// Numbers, truth values and texts of at most 22 bytes are held in place; a longer text takes one allocation. On the
/// wire it is a JSON number, `true` or `false`, or a string.
///
/// # Examples
///
/// ```
/// use maily_errors::Value;
///
/// let limit = Value::from(4096_u64);
/// assert_eq!(limit, 4096);
/// assert_eq!(limit.to_string(), "4096");
/// assert_eq!(limit.as_str(), None);
/// assert_eq!(Value::from("mesh"), "mesh");
/// ```
#[derive(Clone)]
pub struct Value(Held);

/// 24 bytes, like a `String`.
#[derive(Clone)]
enum Held {
    Bool(bool),
    Float(f64),
    Integer(i64),
    Long(Box<str>),
    Short(Short),
    /// Above the largest `i64`; what fits is an integer, so that equal numbers are equal values.
    Unsigned(u64),
}

#[derive(Clone, Copy)]
struct Short {
    length: u8,
    bytes: [u8; SHORT],
}

const SHORT: usize = 22;

impl Value {
    /// Returns the text, if it is one.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match &self.0 {
            Held::Long(text) => Some(text),
            // Made from a `str`, so it is one.
            Held::Short(short) => Some(std::str::from_utf8(short.as_bytes()).unwrap_or_default()),
            _ => None,
        }
    }

    /// Returns the truth value, if it is one.
    #[must_use]
    pub const fn as_bool(&self) -> Option<bool> {
        match self.0 {
            Held::Bool(value) => Some(value),
            _ => None,
        }
    }

    /// Returns the integer, if it is one that fits.
    #[must_use]
    pub const fn as_i64(&self) -> Option<i64> {
        match self.0 {
            Held::Integer(value) => Some(value),
            _ => None,
        }
    }

    /// Returns the number, rounded to a float if it is a large integer.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "that is what the caller asks for")]
    pub const fn as_f64(&self) -> Option<f64> {
        match self.0 {
            Held::Float(value) => Some(value),
            Held::Integer(value) => Some(value as f64),
            Held::Unsigned(value) => Some(value as f64),
            _ => None,
        }
    }

    /// Appends the value as JSON. A float that JSON cannot write becomes a string.
    pub(crate) fn write_json(&self, out: &mut Vec<u8>) {
        match &self.0 {
            Held::Bool(value) => out.extend_from_slice(if *value { b"true" } else { b"false" }),
            Held::Float(value) if value.is_finite() => {
                // Writing a number into a list cannot fail.
                let _ = serde_json::to_writer(out, value);
            }
            Held::Float(value) => crate::encode::text(&value.to_string(), out),
            Held::Integer(value) => out.extend_from_slice(itoa::Buffer::new().format(*value).as_bytes()),
            Held::Unsigned(value) => out.extend_from_slice(itoa::Buffer::new().format(*value).as_bytes()),
            Held::Long(text) => crate::encode::text(text, out),
            Held::Short(short) => crate::encode::text_bytes(short.as_bytes(), out),
        }
    }
}

impl Short {
    fn as_bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.length)]
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        match u8::try_from(text.len()) {
            Ok(length) if text.len() <= SHORT => {
                let mut bytes = [0; SHORT];
                bytes[..text.len()].copy_from_slice(text.as_bytes());
                Self(Held::Short(Short { length, bytes }))
            }
            _ => Self(Held::Long(text.into())),
        }
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        if text.len() <= SHORT { Self::from(text.as_str()) } else { Self(Held::Long(text.into())) }
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self(Held::Bool(value))
    }
}

impl From<f64> for Value {
    fn from(value: f64) -> Self {
        Self(Held::Float(value))
    }
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self(Held::Integer(value))
    }
}

impl From<u64> for Value {
    fn from(value: u64) -> Self {
        Self(i64::try_from(value).map_or(Held::Unsigned(value), Held::Integer))
    }
}

impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (Held::Bool(one), Held::Bool(two)) => one == two,
            (Held::Float(one), Held::Float(two)) => one == two,
            (Held::Integer(one), Held::Integer(two)) => one == two,
            (Held::Unsigned(one), Held::Unsigned(two)) => one == two,
            _ => self.as_str().is_some() && self.as_str() == other.as_str(),
        }
    }
}

impl PartialEq<str> for Value {
    fn eq(&self, other: &str) -> bool {
        self.as_str() == Some(other)
    }
}

impl PartialEq<&str> for Value {
    fn eq(&self, other: &&str) -> bool {
        self.as_str() == Some(*other)
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.as_str() {
            Some(text) => fmt::Debug::fmt(text, f),
            None => fmt::Display::fmt(self, f),
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Held::Bool(value) => value.fmt(f),
            Held::Float(value) => value.fmt(f),
            Held::Integer(value) => value.fmt(f),
            Held::Unsigned(value) => value.fmt(f),
            Held::Long(_) | Held::Short(_) => f.write_str(self.as_str().unwrap_or_default()),
        }
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.0 {
            Held::Bool(value) => serializer.serialize_bool(*value),
            Held::Float(value) if value.is_finite() => serializer.serialize_f64(*value),
            Held::Float(value) => serializer.collect_str(value),
            Held::Integer(value) => serializer.serialize_i64(*value),
            Held::Unsigned(value) => serializer.serialize_u64(*value),
            Held::Long(_) | Held::Short(_) => serializer.serialize_str(self.as_str().unwrap_or_default()),
        }
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = serde_json::Value::deserialize(deserializer)?;
        Self::from_json(value)
            .ok_or_else(|| serde::de::Error::custom("not a text, a number or a truth value"))
    }
}

impl Value {
    /// Takes a text, a number or a truth value; nothing else explains an error.
    pub(crate) fn from_json(value: serde_json::Value) -> Option<Self> {
        match value {
            serde_json::Value::Bool(value) => Some(Self::from(value)),
            serde_json::Value::Number(number) => (number.as_i64().map(Self::from))
                .or_else(|| number.as_u64().map(Self::from))
                .or_else(|| number.as_f64().map(Self::from)),
            serde_json::Value::String(text) => Some(Self::from(text)),
            _ => None,
        }
    }
}
