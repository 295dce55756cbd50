//! The rows of the catalogue, as constants.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use crate::code::{Code, TABLE};
use crate::kind::Kind;

/// Who can do something about an error.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Class {
    /// The caller: correct the request.
    Client,
    /// The operator: something is broken here.
    Server,
    /// The caller: come back later, more slowly.
    Throttle,
    /// Time: the same request may succeed later.
    Transient,
}

/// When the same request may be sent again.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum SafeWhen {
    /// It was refused before anything happened.
    Always,
    /// It may have had its effect already, so only if a second one is harmless.
    Idempotent,
    /// It would fail in the same way.
    Never,
}

/// One row of the catalogue.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry {
    pub(crate) code: Code,
    pub(crate) number: u16,
    pub(crate) name: &'static str,
    pub(crate) domain: &'static str,
    pub(crate) kind: Kind,
    pub(crate) http_status: u16,
    pub(crate) grpc_status: u8,
    pub(crate) class: Class,
    pub(crate) retryable: bool,
    pub(crate) safe_when: SafeWhen,
    pub(crate) backoff_ms: u64,
    pub(crate) title: &'static str,
    pub(crate) cause: &'static str,
    pub(crate) fix: &'static str,
    pub(crate) docs: &'static str,
}

impl Code {
    const fn entry(self) -> &'static Entry {
        &TABLE[self as usize]
    }

    /// Iterates over all codes, by number.
    pub fn all() -> impl Iterator<Item = Self> {
        TABLE.iter().map(|entry| entry.code)
    }

    /// Returns the code with this number, if the catalogue has it.
    #[must_use]
    pub fn from_number(number: u16) -> Option<Self> {
        TABLE.binary_search_by_key(&number, |entry| entry.number).ok().map(|index| TABLE[index].code)
    }

    /// Returns the number, which never changes.
    #[must_use]
    pub const fn number(self) -> u16 {
        self.entry().number
    }

    /// Returns the name, in kebab-case, which never changes.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.entry().name
    }

    /// Returns the crate that owns the code, or `common`.
    #[must_use]
    pub const fn domain(self) -> &'static str {
        self.entry().domain
    }

    /// Returns the coarse meaning.
    #[must_use]
    pub const fn kind(self) -> Kind {
        self.entry().kind
    }

    /// Returns the HTTP status, 400 to 599.
    #[must_use]
    pub const fn http_status(self) -> u16 {
        self.entry().http_status
    }

    /// Returns the gRPC status, 1 to 16.
    #[must_use]
    pub const fn grpc_status(self) -> u8 {
        self.entry().grpc_status
    }

    /// Returns who can do something about it.
    #[must_use]
    pub const fn class(self) -> Class {
        self.entry().class
    }

    /// Returns whether the same request may succeed later.
    #[must_use]
    pub const fn is_retryable(self) -> bool {
        self.entry().retryable
    }

    /// Returns when the same request may be sent again.
    #[must_use]
    pub const fn safe_when(self) -> SafeWhen {
        self.entry().safe_when
    }

    /// Returns how long to wait before the first retry, if nobody said otherwise.
    #[must_use]
    pub const fn backoff(self) -> Duration {
        Duration::from_millis(self.entry().backoff_ms)
    }

    /// Returns the title: one sentence without a full stop.
    #[must_use]
    pub const fn title(self) -> &'static str {
        self.entry().title
    }

    /// Returns what usually leads here.
    #[must_use]
    pub const fn cause(self) -> &'static str {
        self.entry().cause
    }

    /// Returns what to do about it.
    #[must_use]
    pub const fn fix(self) -> &'static str {
        self.entry().fix
    }

    /// Returns the page that says all of this, as a path in the repository.
    #[must_use]
    pub const fn docs(self) -> &'static str {
        self.entry().docs
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The text is not the name of a code.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct UnknownCode;

impl fmt::Display for UnknownCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the catalogue has no code of this name")
    }
}

impl std::error::Error for UnknownCode {}

impl FromStr for Code {
    type Err = UnknownCode;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        TABLE.iter().find(|entry| entry.name == name).map(|entry| entry.code).ok_or(UnknownCode)
    }
}
