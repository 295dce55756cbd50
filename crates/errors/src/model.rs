//! The error itself.

use std::convert::Infallible;
use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

use crate::code::Code;
use crate::kind::Kind;
use crate::redact::IntoContext;

/// A `Result` with the error of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Whether the same call may succeed later.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Status {
    /// It fails again until something is corrected.
    Permanent,
    /// It was temporary, and the retries are spent: an outer layer must not repeat it.
    Persistent,
    /// It may succeed when it is repeated.
    Temporary,
}

/// A violation of one field of the input.
#[derive(Clone, Debug, Eq, PartialEq, serde::Deserialize, serde::Serialize)]
pub struct Violation {
    /// Where: a JSON Pointer (RFC 6901) into the input.
    pub pointer: String,
    /// What is wrong with it.
    pub detail: String,
}

/// What went wrong ([`kind`](Self::kind), [`code`](Self::code)), whether to try again
/// ([`status`](Self::status)), and where ([`operation`](Self::operation)).
///
/// An error that is only a code allocates nothing; the first detail allocates one box.
/// Messages are static text, so that no input and no secret can reach a response through them.
///
/// # Examples
///
/// ```
/// use maily_errors::{Code, Error, Kind, Status};
///
/// let bare = Error::from(Code::Timeout);
/// assert_eq!(bare.status(), Status::Temporary);
///
/// let err = Error::new(Kind::Invalid, "prompt is too long")
///     .with_operation("llm_echo::answer")
///     .with_context("bytes", 70_000);
/// assert_eq!(err.code(), Code::Invalid);
/// assert_eq!(err.to_string(), "prompt is too long (invalid) at llm_echo::answer, bytes: 70000");
/// ```
pub struct Error {
    code: Code,
    status: Status,
    detail: Option<Box<Detail>>,
}

#[derive(Default)]
struct Detail {
    message: Option<&'static str>,
    operation: Option<&'static str>,
    retry_after: Option<Duration>,
    context: Vec<Pair>,
    violations: Vec<Violation>,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

struct Pair {
    key: &'static str,
    value: String,
    public: bool,
}

impl Error {
    /// Creates an error with a message: lower case, no full stop, no value.
    #[must_use]
    pub fn new(code: impl Into<Code>, message: &'static str) -> Self {
        let mut error = Self::from_code(code.into());
        error.detail().message = Some(message);
        error
    }

    /// Creates an error that is only a code. Does not allocate.
    #[must_use]
    pub const fn from_code(code: Code) -> Self {
        let status = if code.is_retryable() { Status::Temporary } else { Status::Permanent };
        Self { code, status, detail: None }
    }

    /// Says where it happened, as `module::function`.
    #[must_use]
    pub fn with_operation(mut self, operation: &'static str) -> Self {
        self.detail().operation = Some(operation);
        self
    }

    /// Adds a value that explains the error. Only a [`Public`](crate::Public) one reaches a response.
    #[must_use]
    pub fn with_context(mut self, key: &'static str, value: impl IntoContext) -> Self {
        let (value, public) = value.into_context();
        self.detail().context.push(Pair { key, value, public });
        self
    }

    /// Adds a violation of one field of the input, at a JSON Pointer.
    #[must_use]
    pub fn with_violation(mut self, pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        self.detail().violations.push(Violation { pointer: pointer.into(), detail: detail.into() });
        self
    }

    /// Keeps the error that led to this one. It reaches the log, never a response.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.detail().source = Some(source.into());
        self
    }

    /// Says how long to wait before the next try.
    #[must_use]
    pub fn with_retry_after(mut self, delay: Duration) -> Self {
        self.detail().retry_after = Some(delay);
        self
    }

    /// Marks a temporary error as one whose retries are spent; a permanent one stays permanent.
    #[must_use]
    pub const fn into_persistent(mut self) -> Self {
        if matches!(self.status, Status::Temporary) {
            self.status = Status::Persistent;
        }
        self
    }

    fn detail(&mut self) -> &mut Detail {
        self.detail.get_or_insert_default()
    }

    /// Returns what went wrong, precisely.
    #[must_use]
    pub const fn code(&self) -> Code {
        self.code
    }

    /// Returns what went wrong, coarsely.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        self.code.kind()
    }

    /// Returns whether the same call may succeed later.
    #[must_use]
    pub const fn status(&self) -> Status {
        self.status
    }

    /// Returns whether the same call may succeed later and nobody has spent the retries.
    #[must_use]
    pub const fn is_temporary(&self) -> bool {
        matches!(self.status, Status::Temporary)
    }

    /// Returns the message, or the title of the code.
    #[must_use]
    pub fn message(&self) -> &'static str {
        self.detail.as_ref().and_then(|detail| detail.message).unwrap_or(self.code.title())
    }

    /// Returns where it happened.
    #[must_use]
    pub fn operation(&self) -> Option<&'static str> {
        self.detail.as_ref().and_then(|detail| detail.operation)
    }

    /// Returns how long the other side asked to wait.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.detail.as_ref().and_then(|detail| detail.retry_after)
    }

    /// Iterates over all context, for a log.
    pub fn context(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.pairs().map(|pair| (pair.key, pair.value.as_str()))
    }

    /// Iterates over the context that a response may show.
    pub fn public_context(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.pairs().filter(|pair| pair.public).map(|pair| (pair.key, pair.value.as_str()))
    }

    /// Returns the fields of the input that are wrong.
    #[must_use]
    pub fn violations(&self) -> &[Violation] {
        self.detail.as_ref().map_or(&[], |detail| &detail.violations)
    }

    fn pairs(&self) -> impl Iterator<Item = &Pair> {
        self.detail.iter().flat_map(|detail| &detail.context)
    }
}

impl From<Code> for Error {
    fn from(code: Code) -> Self {
        Self::from_code(code)
    }
}

/// Services that cannot fail fit under every layer.
impl From<Infallible> for Error {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

impl From<Kind> for Error {
    fn from(kind: Kind) -> Self {
        Self::from_code(kind.code())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.message(), self.code)?;
        if let Some(operation) = self.operation() {
            write!(f, " at {operation}")?;
        }
        for (key, value) in self.context() {
            write!(f, ", {key}: {value}")?;
        }
        for violation in self.violations() {
            write!(f, ", {}: {}", violation.pointer, violation.detail)?;
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)?;
        let mut source = self.source();
        while let Some(err) = source {
            write!(f, "; because: {err}")?;
            source = err.source();
        }
        Ok(())
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        let source = self.detail.as_ref()?.source.as_deref()?;
        Some(source)
    }
}
