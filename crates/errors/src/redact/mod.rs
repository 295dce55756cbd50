//! Values that may be shown, and values that never are.

#[cfg(doctest)]
mod does_not_compile;

use std::fmt;

/// A value that may reach a response.
///
/// # Examples
///
/// ```
/// use maily_errors::{Code, Error, Public};
///
/// let err = Error::new(Code::PromptTooLarge, "prompt is too long").with_context("limit_bytes", Public(4096));
/// let (key, value) = err.public_context().next().unwrap();
/// assert_eq!((key, value.as_i64()), ("limit_bytes", Some(4096)));
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Public<T>(pub T);

/// A value that reaches neither a response, nor `Debug`, nor a span.
///
/// It has no `Display`, it is no context of an error, no value of a span and cannot be serialized, so none of these
/// compiles:
///
/// ```compile_fail
/// use maily_errors::{Code, Error, Secret};
///
/// let key = Secret::new("hunter2".to_owned());
/// let _ = Error::from(Code::Unauthorized).with_context("key", key);
/// ```
///
/// # Examples
///
/// ```
/// use maily_errors::Secret;
///
/// let key = Secret::new("hunter2");
/// assert_eq!(format!("{key:?}"), "[secret]");
/// assert_eq!(*key.expose(), "hunter2");
/// ```
#[derive(Clone, Eq, Hash, PartialEq)]
pub struct Secret<T>(T);

impl<T> Secret<T> {
    /// Creates a secret.
    pub const fn new(value: T) -> Self {
        Self(value)
    }

    /// Returns the value. Each call is a place to look at in a review.
    pub const fn expose(&self) -> &T {
        &self.0
    }
}

impl<T> fmt::Debug for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

impl<T> From<T> for Secret<T> {
    fn from(value: T) -> Self {
        Self(value)
    }
}

impl<'de, T: serde::Deserialize<'de>> serde::Deserialize<'de> for Secret<T> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        T::deserialize(deserializer).map(Self)
    }
}
