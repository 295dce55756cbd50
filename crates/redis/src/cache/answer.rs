//! What a cache answers.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use maily_errors::Error;

/// A cached value, or that there is none, and whether its time is over.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Cached {
    /// Its time is not over, or it was loaded for this call.
    Fresh(Option<Bytes>),
    /// Its time is over, and nothing better could be had in time.
    Stale(Option<Bytes>),
}

impl Cached {
    /// Returns the value, fresh or stale.
    #[must_use]
    pub fn into_value(self) -> Option<Bytes> {
        match self {
            Self::Fresh(value) | Self::Stale(value) => value,
        }
    }

    /// Returns the value, fresh or stale.
    #[must_use]
    pub const fn value(&self) -> Option<&Bytes> {
        match self {
            Self::Fresh(value) | Self::Stale(value) => value.as_ref(),
        }
    }

    /// Returns whether its time is over.
    #[must_use]
    pub const fn is_stale(&self) -> bool {
        matches!(self, Self::Stale(_))
    }
}

/// Gives each of those who waited an error of its own that says the same.
pub(super) fn again(err: &Arc<Error>) -> Error {
    let mut own = Error::new(err.code(), err.message()).with_source(Shared(Arc::clone(err)));
    if let Some(operation) = err.operation() {
        own = own.with_operation(operation);
    }
    if let Some(delay) = err.retry_after() {
        own = own.with_retry_after(delay);
    }
    if own.is_temporary() && !err.is_temporary() { own.into_persistent() } else { own }
}

/// An error that several callers have as their source.
#[derive(Debug)]
struct Shared(Arc<Error>);

impl fmt::Display for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl StdError for Shared {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source()
    }
}
