//! What went wrong, in thirteen words.

use std::fmt;

use crate::code::Code;

/// What went wrong, coarsely: enough to decide what to do next.
///
/// A [`Code`] says it precisely; every code has one kind.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Kind {
    /// The caller went away.
    Canceled,
    /// Another writer was first, or the thing already exists.
    Conflict,
    /// Stored bytes do not match their checksum or format.
    Corrupt,
    /// The key is valid, its rights are not.
    Forbidden,
    /// A value has the wrong shape, type or range.
    Invalid,
    /// The thing does not exist.
    NotFound,
    /// A rate or concurrency limit was reached.
    Throttled,
    /// The deadline passed.
    Timeout,
    /// A size or count is over its limit.
    TooLarge,
    /// A valid key is missing.
    Unauthorized,
    /// A component is down, starting or draining.
    Unavailable,
    /// A defect, or a condition that nobody foresaw.
    Unexpected,
    /// The operation does not exist here.
    Unsupported,
}

impl Kind {
    /// Returns the code that says no more than this kind.
    #[must_use]
    pub const fn code(self) -> Code {
        match self {
            Self::Canceled => Code::Canceled,
            Self::Conflict => Code::Conflict,
            Self::Corrupt => Code::Corrupt,
            Self::Forbidden => Code::Forbidden,
            Self::Invalid => Code::Invalid,
            Self::NotFound => Code::NotFound,
            Self::Throttled => Code::Throttled,
            Self::Timeout => Code::Timeout,
            Self::TooLarge => Code::TooLarge,
            Self::Unauthorized => Code::Unauthorized,
            Self::Unavailable => Code::Unavailable,
            Self::Unexpected => Code::Unexpected,
            Self::Unsupported => Code::Unsupported,
        }
    }

    /// Returns the name, in `snake_case`, as the catalogue and the wire spell it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Canceled => "canceled",
            Self::Conflict => "conflict",
            Self::Corrupt => "corrupt",
            Self::Forbidden => "forbidden",
            Self::Invalid => "invalid",
            Self::NotFound => "not_found",
            Self::Throttled => "throttled",
            Self::Timeout => "timeout",
            Self::TooLarge => "too_large",
            Self::Unauthorized => "unauthorized",
            Self::Unavailable => "unavailable",
            Self::Unexpected => "unexpected",
            Self::Unsupported => "unsupported",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl From<Kind> for Code {
    fn from(kind: Kind) -> Self {
        kind.code()
    }
}
