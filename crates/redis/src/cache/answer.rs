//! What a cache answers.

use bytes::Bytes;

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
