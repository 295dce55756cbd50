//! What becomes the context of an error, and where it lies.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use crate::code::Code;
use crate::kind::Kind;
use crate::redact::Public;
use crate::value::Value;

/// What can be the context of an error.
///
/// Context is for the log; only what is wrapped in [`Public`] reaches a response. A [`Secret`](crate::Secret) is none
/// of it.
#[diagnostic::on_unimplemented(message = "`{Self}` is no context: pass a number, a truth value or a text")]
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
#[derive(Clone)]
pub(crate) struct Pair {
    pub(crate) key: &'static str,
    pub(crate) value: Value,
    pub(crate) public: bool,
}

/// The context of one error: the first pairs lie in its box, only more of them take a list.
#[derive(Clone, Default)]
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
