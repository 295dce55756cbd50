//! Errors as they travel: problem documents (RFC 9457).

use std::collections::BTreeMap;
use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::code::Code;
use crate::kind::Kind;
use crate::model::{Error, Violation};

/// The media type of a problem document.
pub const MEDIA_TYPE: &str = "application/problem+json";

/// What every `type` of ours begins with; the name of the code follows.
pub const TYPE_PREFIX: &str = "urn:maily:error:";

/// A problem document (RFC 9457): what of an error may leave the process.
///
/// It holds static text, [`Public`](crate::Public) context and violations, and nothing else of the error it is
/// made from: no source, no operation, no context for the log.
///
/// Members that a newer or foreign service adds survive in [`extensions`](Self::extensions), and a code that
/// this catalogue lacks survives decoding to an [`Error`] and encoding again.
///
/// # Examples
///
/// ```
/// use maily_errors::{Code, Error, Problem, Public};
///
/// let err = Error::new(Code::PromptTooLarge, "prompt is too long")
///     .with_context("limit_bytes", Public(4096))
///     .with_context("user", "never leaves the process");
/// let problem = Problem::from(&err);
/// assert_eq!(
///     serde_json::to_string(&problem)?,
///     r#"{"type":"urn:maily:error:prompt-too-large","title":"The prompt is over its limit","status":413,"#
///         .to_owned()
///         + r#""detail":"prompt is too long","code":"prompt-too-large","number":201,"#
///         + r#""context":{"limit_bytes":"4096"}}"#
/// );
/// assert_eq!(Error::from(problem).code(), Code::PromptTooLarge);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Problem {
    /// A URI for the kind of problem; `about:blank` says no more than the status.
    #[serde(rename = "type", default = "about_blank")]
    pub type_uri: String,
    /// One sentence that is the same for every problem of this type.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub title: String,
    /// The HTTP status, or 0 in a document that has none.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub status: u16,
    /// What is special about this occurrence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// A URI for this occurrence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance: Option<String>,
    /// The name of the code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// The number of the code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<u16>,
    /// How long to wait before the next try, in milliseconds. Absent when a next try is pointless.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
    /// The fields of the input that are wrong.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<Violation>,
    /// Values that explain the problem and may be shown.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub context: BTreeMap<String, String>,
    /// The trace in which it happened, as 32 hexadecimal digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace_id: Option<String>,
    /// Every member that this version does not know.
    #[serde(flatten)]
    pub extensions: BTreeMap<String, serde_json::Value>,
}

impl Problem {
    /// Reads a problem document.
    ///
    /// # Errors
    ///
    /// [`Code::MalformedProblem`] when the text is not a JSON object, when a member has another type than
    /// RFC 9457 says, or when nothing in it tells what happened (no `type`, `title`, `status` or `code`).
    pub fn from_json(text: &[u8]) -> Result<Self, Error> {
        let malformed = || Error::new(Code::MalformedProblem, "the body is not a problem document");
        let problem: Self = serde_json::from_slice(text).map_err(|err| malformed().with_source(err))?;
        let says_nothing = problem.type_uri == ABOUT_BLANK
            && problem.title.is_empty()
            && problem.status == 0
            && problem.code.is_none();
        if says_nothing { Err(malformed()) } else { Ok(problem) }
    }

    /// Returns the document as JSON.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        // Every member is a string, a number, a list or a map with string keys, so there is nothing to fail.
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// Says which occurrence this is, usually by the path of the request.
    #[must_use]
    pub fn with_instance(mut self, uri: impl Into<String>) -> Self {
        self.instance = Some(uri.into());
        self
    }

    /// Says in which trace it happened, as 32 hexadecimal digits.
    #[must_use]
    pub fn with_trace_id(mut self, trace_id: impl Into<String>) -> Self {
        self.trace_id = Some(trace_id.into());
        self
    }

    /// Returns the code, if this catalogue has it.
    ///
    /// The number counts first: it never changes.
    #[must_use]
    pub fn known_code(&self) -> Option<Code> {
        let by_name = || self.code.as_deref().and_then(|name| name.parse().ok());
        match (self.number.and_then(Code::from_number), &self.code) {
            (Some(code), None) => Some(code),
            (Some(code), Some(name)) if code.name() == name => Some(code),
            _ => by_name(),
        }
    }

    /// Returns how long to wait before the next try.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.retry_after_ms.map(Duration::from_millis)
    }
}

impl From<&Error> for Problem {
    fn from(err: &Error) -> Self {
        let code = err.code();
        // An error that came from another service goes on as it came, so that its code is not lost here.
        let mut problem = err.upstream().cloned().unwrap_or_else(|| Self {
            type_uri: format!("{TYPE_PREFIX}{code}"),
            title: code.title().to_owned(),
            status: code.http_status(),
            code: Some(code.name().to_owned()),
            number: Some(code.number()),
            ..Self::default()
        });
        if err.message() != code.title() && problem.detail.is_none() {
            problem.detail = Some(err.message().to_owned());
        }
        if err.is_temporary() && problem.retry_after_ms.is_none() {
            let delay = err.retry_after().unwrap_or(code.backoff());
            problem.retry_after_ms = Some(u64::try_from(delay.as_millis()).unwrap_or(u64::MAX));
        }
        if problem.errors.is_empty() {
            problem.errors = err.violations().to_vec();
        }
        let pairs = err.public_context().map(|(key, value)| (key.to_owned(), value.to_owned()));
        problem.context.extend(pairs);
        problem
    }
}

impl From<Problem> for Error {
    /// A code that the catalogue lacks becomes the code of its HTTP status; the document stays behind the error.
    fn from(problem: Problem) -> Self {
        let code = problem.known_code().unwrap_or_else(|| code_of_status(problem.status));
        let mut err = Self::from_code(code);
        if let Some(delay) = problem.retry_after() {
            err = err.with_retry_after(delay);
        }
        for Violation { pointer, detail } in &problem.errors {
            err = err.with_violation(pointer.clone(), detail.clone());
        }
        err.with_source(Upstream(problem))
    }
}

impl Error {
    /// Returns the problem document that this error was decoded from, if it came from another service.
    #[must_use]
    pub fn upstream(&self) -> Option<&Problem> {
        let source = self.source()?.downcast_ref::<Upstream>()?;
        Some(&source.0)
    }
}

/// The source of an error that was decoded. Private, so that no other source can reach a response.
#[derive(Debug)]
struct Upstream(Problem);

impl fmt::Display for Upstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Problem { type_uri, title, detail, status, .. } = &self.0;
        write!(f, "upstream answered {status} {title} ({type_uri})")?;
        detail.iter().try_for_each(|detail| write!(f, ": {detail}"))
    }
}

impl StdError for Upstream {}

fn code_of_status(status: u16) -> Code {
    match status {
        401 => Code::Unauthorized,
        403 => Code::Forbidden,
        404 | 410 => Code::NotFound,
        408 | 504 => Code::Timeout,
        409 | 412 => Code::Conflict,
        413 | 414 | 431 => Code::TooLarge,
        429 => Code::Throttled,
        405 | 406 | 415 | 501 => Code::Unsupported,
        499 => Kind::Canceled.code(),
        502 | 503 => Code::Unavailable,
        400..=499 => Code::Invalid,
        _ => Code::Unexpected,
    }
}

const ABOUT_BLANK: &str = "about:blank";

fn about_blank() -> String {
    ABOUT_BLANK.to_owned()
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(status: &u16) -> bool {
    *status == 0
}
