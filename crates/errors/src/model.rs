//! The error itself.

use std::convert::Infallible;
use std::error::Error as StdError;
use std::fmt;
use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

use crate::causes::Causes;
use crate::code::Code;
use crate::context::{IntoContext, Pair, Pairs};
use crate::kind::Kind;
use crate::trace::TraceContext;
use crate::value::Value;
use crate::violation::Violation;

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

/// What went wrong ([`kind`](Self::kind), [`code`](Self::code)), whether to try again
/// ([`status`](Self::status)), and where ([`operation`](Self::operation)).
///
/// An error that is only a code is two words and allocates nothing. The first detail allocates one box, which also
/// holds the place in the code, the current position in the trace and two pairs of context; numbers and short texts
/// lie in it. Messages are static text, so that no input and no secret can reach a response through them.
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
    /// Whether the retries of a retryable code are spent.
    spent: bool,
    detail: Option<Box<Detail>>,
}

#[derive(Clone)]
struct Detail {
    message: Option<&'static str>,
    operation: Option<&'static str>,
    location: &'static Location<'static>,
    trace: Option<TraceContext>,
    retry_after: Option<Duration>,
    context: Pairs,
    violations: Vec<Violation>,
    causes: Causes,
    source: Option<Arc<dyn StdError + Send + Sync>>,
}

impl Error {
    /// Creates an error with a message: lower case, no full stop, no value.
    #[must_use]
    #[track_caller]
    pub fn new(code: impl Into<Code>, message: &'static str) -> Self {
        let mut error = Self::from_code(code.into());
        error.detail().message = Some(message);
        error
    }

    /// Creates an error that is only a code. Does not allocate.
    #[must_use]
    pub const fn from_code(code: Code) -> Self {
        Self { code, spent: false, detail: None }
    }

    /// Says where it happened, as `module::function`.
    #[must_use]
    #[track_caller]
    pub fn with_operation(mut self, operation: &'static str) -> Self {
        self.detail().operation = Some(operation);
        self
    }

    /// Adds a value that explains the error. Only a [`Public`](crate::Public) one reaches a response.
    #[must_use]
    #[track_caller]
    pub fn with_context(mut self, key: &'static str, value: impl IntoContext) -> Self {
        let (value, public) = value.into_context();
        self.detail().context.push(Pair { key, value, public });
        self
    }

    /// Adds a violation of one field of the input, at a JSON Pointer.
    #[must_use]
    #[track_caller]
    pub fn with_violation(self, pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        self.with_violations([Violation::new(pointer, detail)])
    }

    /// Adds violations of fields of the input.
    #[must_use]
    #[track_caller]
    pub fn with_violations(mut self, violations: impl IntoIterator<Item = Violation>) -> Self {
        self.detail().violations.extend(violations);
        self
    }

    /// Keeps the error that led to this one. It reaches the log, never a response.
    #[must_use]
    #[track_caller]
    pub fn with_source(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.detail().source = Some(Arc::from(source.into()));
        self
    }

    /// Says how long to wait before the next try.
    #[must_use]
    #[track_caller]
    pub fn with_retry_after(mut self, delay: Duration) -> Self {
        self.detail().retry_after = Some(delay);
        self
    }

    /// Says in which trace and span it happened, if that is not the current one.
    #[must_use]
    #[track_caller]
    pub fn with_trace(mut self, trace: TraceContext) -> Self {
        self.detail().trace = Some(trace);
        self
    }

    /// Says which services met it before this one.
    #[must_use]
    #[track_caller]
    pub fn with_causes(mut self, causes: Causes) -> Self {
        self.detail().causes = causes;
        self
    }

    /// Marks a temporary error as one whose retries are spent; a permanent one stays permanent.
    #[must_use]
    pub const fn into_persistent(mut self) -> Self {
        self.spent = true;
        self
    }

    /// Returns the same error for one more of those who waited for the same work: what it says, what led to it, and the
    /// current position in the trace, if there is one.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::error::Error as _;
    ///
    /// use maily_errors::{Code, Error};
    ///
    /// let first = Error::new(Code::Unavailable, "the loader failed").with_source(std::fmt::Error);
    /// let second = first.again();
    /// assert_eq!(second.to_string(), first.to_string());
    /// assert!(second.source().is_some_and(|source| source.is::<std::fmt::Error>()));
    /// ```
    #[must_use]
    pub fn again(&self) -> Self {
        let again = Self { code: self.code, spent: self.spent, detail: self.detail.clone() };
        TraceContext::current().into_iter().fold(again, Self::with_trace)
    }

    /// What the first detail finds: where it is given, and in which trace.
    #[track_caller]
    fn detail(&mut self) -> &mut Detail {
        // Not a closure: it would be its own caller.
        let location = Location::caller();
        self.detail.get_or_insert_with(|| {
            Box::new(Detail {
                message: None,
                operation: None,
                location,
                trace: TraceContext::current(),
                retry_after: None,
                context: Pairs::default(),
                violations: Vec::new(),
                causes: Causes::default(),
                source: None,
            })
        })
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
        match (self.code.is_retryable(), self.spent) {
            (false, _) => Status::Permanent,
            (true, false) => Status::Temporary,
            (true, true) => Status::Persistent,
        }
    }

    /// Returns whether the same call may succeed later and nobody has spent the retries.
    #[must_use]
    pub const fn is_temporary(&self) -> bool {
        matches!(self.status(), Status::Temporary)
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

    /// Returns what a document says about the next try, in milliseconds: nothing if it is pointless.
    pub(crate) fn delay_ms(&self) -> Option<u64> {
        let delay = || self.retry_after().unwrap_or(self.code.backoff());
        self.is_temporary().then(|| u64::try_from(delay().as_millis()).unwrap_or(u64::MAX))
    }

    /// Iterates over all context, for a log.
    pub fn context(&self) -> impl Iterator<Item = (&'static str, &Value)> {
        self.pairs().map(|pair| (pair.key, &pair.value))
    }

    /// Iterates over the context that a response may show.
    pub fn public_context(&self) -> impl Iterator<Item = (&'static str, &Value)> {
        self.pairs().filter(|pair| pair.public).map(|pair| (pair.key, &pair.value))
    }

    /// Returns the fields of the input that are wrong.
    #[must_use]
    pub fn violations(&self) -> &[Violation] {
        self.detail.as_ref().map_or(&[], |detail| &detail.violations)
    }

    /// Returns the services that met it before this one, the nearest first.
    #[must_use]
    pub fn causes(&self) -> &Causes {
        self.detail.as_ref().map_or(&NO_CAUSES, |detail| &detail.causes)
    }

    /// Returns in which trace and span it happened. An error that is only a code does not know.
    #[must_use]
    pub fn trace(&self) -> Option<TraceContext> {
        self.detail.as_ref().and_then(|detail| detail.trace)
    }

    /// Returns where in the code its first detail was given, for the log.
    #[must_use]
    pub fn location(&self) -> Option<&'static Location<'static>> {
        self.detail.as_ref().map(|detail| detail.location)
    }

    fn pairs(&self) -> impl Iterator<Item = &Pair> {
        self.detail.iter().flat_map(|detail| detail.context.iter())
    }
}

static NO_CAUSES: Causes = Causes::NONE;

impl From<Code> for Error {
    fn from(code: Code) -> Self {
        Self::from_code(code)
    }
}

/// An error that is only a code is dropped without a call: most are looked at once and gone.
impl Drop for Error {
    #[inline]
    fn drop(&mut self) {
        if let Some(detail) = self.detail.take() {
            discard(detail);
        }
    }
}

#[cold]
#[inline(never)]
fn discard(detail: Box<Detail>) {
    drop(detail);
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

/// As [`Display`](fmt::Display), with the place in the code and all sources: for a log.
impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)?;
        if let Some(location) = self.location() {
            write!(f, " [{location}]")?;
        }
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
