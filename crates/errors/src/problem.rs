//! Errors as they travel: problem documents (RFC 9457).

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::causes::{Cause, Causes};
use crate::code::Code;
use crate::encode;
use crate::model::{Error, Status};
use crate::trace::{TraceContext, TraceId, current_service};
use crate::value::Value;
use crate::violation::Violation;

/// The media type of a problem document.
pub const MEDIA_TYPE: &str = "application/problem+json";

/// What every `type` of ours begins with; the name of the code follows.
pub const TYPE_PREFIX: &str = "urn:maily:error:";

/// A problem document (RFC 9457): what of an error may leave the process.
///
/// It holds static text, [`Public`](crate::Public) context and violations, and nothing else of the error it is
/// made from: no source, no operation, no place in the code, no context for the log.
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
///         + r#""code":"prompt-too-large","number":201,"detail":"prompt is too long","#
///         + r#""context":{"limit_bytes":4096}}"#
/// );
/// assert_eq!(Error::from(problem).code(), Code::PromptTooLarge);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(from = "serde_json::Map<String, serde_json::Value>")]
#[non_exhaustive]
pub struct Problem {
    /// A URI for the kind of problem; `about:blank` says no more than the status.
    #[serde(rename = "type")]
    pub type_uri: String,
    /// One sentence that is the same for every problem of this type.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub title: String,
    /// The HTTP status, or 0 in a document that has none.
    #[serde(skip_serializing_if = "is_zero")]
    pub status: u16,
    /// The name of the code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// The number of the code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub number: Option<u16>,
    /// What is special about this occurrence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// A URI for this occurrence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instance: Option<String>,
    /// How long to wait before the next try, in milliseconds. Absent when a next try is pointless.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
    /// The fields of the input that are wrong.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<Violation>,
    /// Values that explain the problem and may be shown.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub context: BTreeMap<String, Value>,
    /// The trace in which it happened.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trace_id: Option<TraceId>,
    /// Who met it on its way here, the service that answered first.
    #[serde(skip_serializing_if = "Causes::is_empty")]
    pub causes: Causes,
    /// Every member that this version does not know.
    #[serde(flatten)]
    pub extensions: BTreeMap<String, serde_json::Value>,
}

impl Problem {
    /// Returns the document as JSON.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        // Every member is a string, a number, a list or a map with string keys, so there is nothing to fail.
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// Appends the document of an error to a buffer, without making it first.
    ///
    /// The bytes are those of `Problem::from(err).to_json()`. Up to `number` they are a constant of the code; the
    /// rest is written member by member. Allocates nothing but what the buffer lacks, unless the error came from
    /// another service, whose document is written as it came.
    ///
    /// # Examples
    ///
    /// ```
    /// use maily_errors::{Code, Error, Problem};
    ///
    /// let mut body = Vec::with_capacity(512);
    /// Problem::write(&Error::from(Code::Conflict), &mut body);
    /// assert_eq!(
    ///     body,
    ///     br#"{"type":"urn:maily:error:conflict","title":"The state changed meanwhile","status":409,"code":"conflict","number":5}"#
    /// );
    /// ```
    pub fn write(err: &Error, body: &mut Vec<u8>) {
        Self::write_as(err, None, body);
    }

    /// Appends the document of an error as a service answers it.
    pub(crate) fn write_as(err: &Error, service: Option<&str>, body: &mut Vec<u8>) {
        if err.upstream().is_some() {
            body.extend_from_slice(&Self::of(err, service).to_json());
            return;
        }
        let trace = err.trace().or_else(TraceContext::current);
        match own_causes(err, service, trace) {
            Some(causes) => encode::write(err, trace, &causes, body),
            None => encode::write(err, trace, err.causes(), body),
        }
    }

    /// Makes the document of an error as a service answers it.
    pub(crate) fn of(err: &Error, service: Option<&str>) -> Self {
        let trace = err.trace().or_else(TraceContext::current);
        let mut problem = match err.upstream() {
            // An error that came from another service goes on as it came, so that its code is not lost here.
            Some(upstream) if upstream.is_ours() || err.status() != Status::Persistent => upstream.clone(),
            // A foreign document cannot say that the retries are spent, and the next service would repeat them all.
            Some(upstream) => {
                let upstream = serde_json::to_value(upstream).unwrap_or_default();
                Self { extensions: [("upstream".to_owned(), upstream)].into(), ..Self::own(err) }
            }
            None => Self::own(err),
        };
        if err.message() != err.code().title() && problem.detail.is_none() {
            problem.detail = Some(err.message().to_owned());
        }
        if err.code().is_retryable() {
            problem.retry_after_ms = problem.retry_after_ms.or(err.delay_ms()).filter(|_| err.is_temporary());
        }
        let pairs = err.public_context().map(|(key, value)| (key.to_owned(), value.clone()));
        problem.context.extend(pairs);
        problem.trace_id = problem.trace_id.or(trace.map(TraceContext::trace_id));
        problem.causes = own_causes(err, service, trace).unwrap_or_else(|| err.causes().clone());
        problem
    }

    fn own(err: &Error) -> Self {
        let code = err.code();
        Self {
            type_uri: format!("{TYPE_PREFIX}{code}"),
            title: code.title().to_owned(),
            status: code.http_status(),
            code: Some(code.name().to_owned()),
            number: Some(code.number()),
            errors: err.violations().to_vec(),
            ..Self::default()
        }
    }

    /// Says which occurrence this is, usually by the path of the request.
    #[must_use]
    pub fn with_instance(mut self, uri: impl Into<String>) -> Self {
        self.instance = Some(uri.into());
        self
    }

    /// Says in which trace it happened.
    #[must_use]
    pub const fn with_trace_id(mut self, trace_id: TraceId) -> Self {
        self.trace_id = Some(trace_id);
        self
    }

    /// Returns the code, if the document is of ours and this catalogue has it.
    ///
    /// The `type` decides whose document it is; without one, a code or number of the catalogue does. A name counts
    /// before a number.
    #[must_use]
    pub fn known_code(&self) -> Option<Code> {
        match (self.own_name(), self.code.as_deref(), self.number) {
            (Some(name), ..) => self.code.as_deref().unwrap_or(name).parse().ok(),
            (None, ..) if self.type_uri != ABOUT_BLANK => None,
            (None, Some(name), _) => name.parse().ok(),
            (None, None, number) => Code::from_number(number?),
        }
    }

    /// Returns whether a service of ours made the document, this version or another.
    #[must_use]
    pub fn is_ours(&self) -> bool {
        self.own_name().is_some() || self.known_code().is_some()
    }

    /// Returns the name in a `type` of ours.
    fn own_name(&self) -> Option<&str> {
        self.type_uri.strip_prefix(TYPE_PREFIX)
    }

    /// Returns how long to wait before the next try.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.retry_after_ms.map(Duration::from_millis)
    }
}

/// Returns the chain with the service that answers before the others; `None` if nobody knows its name.
fn own_causes(err: &Error, service: Option<&str>, trace: Option<TraceContext>) -> Option<Causes> {
    let current = if service.is_none() { current_service() } else { None };
    let service = service.or(current.as_deref())?;
    let mut cause = match err.upstream().and_then(|problem| problem.code.clone()) {
        Some(code) => Cause::new(service.to_owned(), code),
        None => Cause::new(service.to_owned(), err.code().name()),
    };
    cause = trace.map_or(cause.clone(), |trace| cause.with_trace(trace));
    let mut causes = err.causes().clone();
    causes.add(cause);
    Some(causes)
}

impl From<&Error> for Problem {
    fn from(err: &Error) -> Self {
        Self::of(err, None)
    }
}

pub(crate) const ABOUT_BLANK: &str = "about:blank";

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(status: &u16) -> bool {
    *status == 0
}
