//! Values that explain an error.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::code::Code;
use crate::kind::Kind;
use crate::redact::Public;

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

/// What can be the context of an error.
///
/// Context is for the log; only what is wrapped in [`Public`] reaches a response. A [`Secret`](crate::Secret) is none
/// of it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the context of an error",
    note = "pass a number, a truth value or a text; a `Secret` must not get there"
)]
pub trait IntoContext {
    /// Returns the value, and whether a response may show it.
    fn into_context(self) -> (Value, bool);
}

impl<T: IntoContext> IntoContext for Public<T> {
    fn into_context(self) -> (Value, bool) {
        (self.0.into_context().0, true)
    }
}

impl IntoContext for Value {
    fn into_context(self) -> (Value, bool) {
        (self, false)
    }
}

macro_rules! held_in_place {
    ($($kind:ty as $held:ty),*) => {$(
        impl IntoContext for $kind {
            fn into_context(self) -> (Value, bool) {
                (Value::from(<$held>::from(self)), false)
            }
        }

        impl PartialEq<$kind> for Value {
            fn eq(&self, other: &$kind) -> bool {
                self.eq(&Self::from(<$held>::from(*other)))
            }
        }
    )*};
}

held_in_place!(
    bool as bool,
    f32 as f64,
    f64 as f64,
    i32 as i64,
    i64 as i64,
    u8 as u64,
    u16 as u64,
    u32 as u64,
    u64 as u64
);

macro_rules! copied {
    ($($kind:ty),*) => {$(
        impl IntoContext for $kind {
            fn into_context(self) -> (Value, bool) {
                (Value::from(self.to_string()), false)
            }
        }
    )*};
}

copied!(char, IpAddr, SocketAddr, fmt::Arguments<'_>, std::path::Display<'_>);

/// Counts and sizes. One that needs more than 64 bits is the largest that does not.
impl IntoContext for usize {
    fn into_context(self) -> (Value, bool) {
        (Value::from(u64::try_from(self).unwrap_or(u64::MAX)), false)
    }
}

impl PartialEq<usize> for Value {
    fn eq(&self, other: &usize) -> bool {
        u64::try_from(*other).is_ok_and(|other| *self == other)
    }
}

impl IntoContext for &str {
    fn into_context(self) -> (Value, bool) {
        (Value::from(self), false)
    }
}

impl IntoContext for &String {
    fn into_context(self) -> (Value, bool) {
        (Value::from(self.as_str()), false)
    }
}

impl IntoContext for String {
    fn into_context(self) -> (Value, bool) {
        (Value::from(self), false)
    }
}

impl IntoContext for Code {
    fn into_context(self) -> (Value, bool) {
        (Value::from(self.name()), false)
    }
}

impl IntoContext for Kind {
    fn into_context(self) -> (Value, bool) {
        (Value::from(self.as_str()), false)
    }
}

/// A pair of a key and its value.
pub(crate) struct Pair {
    pub(crate) key: &'static str,
    pub(crate) value: Value,
    pub(crate) public: bool,
}

/// The context of one error: the first pairs lie in its box, only more of them take a list.
#[derive(Default)]
pub(crate) struct Pairs {
    first: [Option<Pair>; 2],
    more: Vec<Pair>,
}

impl Pairs {
    pub(crate) fn push(&mut self, pair: Pair) {
        match self.first.iter_mut().find(|place| place.is_none()) {
            Some(place) => *place = Some(pair),
            None => self.more.push(pair),
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Pair> {
        self.first.iter().flatten().chain(&self.more)
    }
}
