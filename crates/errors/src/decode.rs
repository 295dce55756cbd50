//! From what a service answered to the error that it means. Never fails, whatever came.

use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

use http::header::{CONTENT_TYPE, HeaderMap, RETRY_AFTER};
use http::{Response, StatusCode};
use serde_json::{Map, Value as Json};

use crate::causes::Causes;
use crate::code::Code;
use crate::model::Error;
use crate::problem::{ABOUT_BLANK, MEDIA_TYPE, Problem};
use crate::redact::Public;
use crate::value::Value;
use crate::violation::Violation;

impl Error {
    /// Reads an answer of status 400 or more.
    ///
    /// | answer | code |
    /// |---|---|
    /// | a document of ours, code known | that code |
    /// | a document of ours, code of a newer version; a foreign document | the code of the status, see [`Code::of_status`] |
    /// | no problem document, status 408, 429, 502, 503 or 504, which proxies answer | the code of the status |
    /// | no problem document, another status | [`Code::MalformedProblem`] |
    ///
    /// The document stays whole behind the error ([`upstream`](Self::upstream)). One of ours without a delay says
    /// that the retries of a retryable code are spent: the error is [persistent](crate::Status::Persistent). The delay
    /// is the document's, else the seconds of `Retry-After`; a date there is not read, because the clocks of two
    /// machines disagree by more than it says. The causes are the document's, else those of the header.
    ///
    /// # Examples
    ///
    /// ```
    /// use http::Response;
    /// use maily_errors::{Code, Error};
    ///
    /// let page = Response::builder().status(503).header("content-type", "text/html").body(())?;
    /// let err = Error::from_answer(&page, b"<html>");
    /// assert_eq!(err.code(), Code::Unavailable);
    /// assert!(err.is_temporary());
    /// # Ok::<(), http::Error>(())
    /// ```
    #[must_use]
    pub fn from_answer<B>(head: &Response<B>, body: &[u8]) -> Self {
        Self::from_parts(head.status(), head.headers(), body)
    }

    pub(crate) fn from_parts(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Self {
        let problem = is_json(headers).then(|| Problem::from_json(body).ok()).flatten();
        let Some(mut problem) = problem else { return unreadable(status, headers) };
        if problem.status == 0 {
            problem.status = status.as_u16();
        }
        problem.retry_after_ms = problem.retry_after_ms.or_else(|| retry_after_ms(headers));
        if problem.causes.is_empty() {
            problem.causes = Causes::from_headers(headers);
        }
        Self::from(problem).with_operation("errors::decode")
    }

    /// Returns the problem document that this error was decoded from, if it came from another service.
    #[must_use]
    pub fn upstream(&self) -> Option<&Problem> {
        let source = self.source()?.downcast_ref::<Upstream>()?;
        Some(&source.0)
    }
}

/// Says that the answer is not a problem document.
pub(crate) fn unreadable(status: StatusCode, headers: &HeaderMap) -> Error {
    // What proxies answer in their own words, with a meaning that does not depend on them.
    let code = match status.as_u16() {
        status @ (408 | 429 | 502..=504) => Code::of_status(status),
        _ => Code::MalformedProblem,
    };
    let err = Error::new(code, "an upstream error is not a problem document")
        .with_operation("errors::decode")
        .with_context("status", Public(status.as_u16()))
        .with_causes(Causes::from_headers(headers));
    match retry_after_ms(headers) {
        Some(delay_ms) => err.with_retry_after(Duration::from_millis(delay_ms)),
        None => err,
    }
}

/// Plain JSON counts too: many services answer problem documents under it.
fn is_json(headers: &HeaderMap) -> bool {
    let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence == MEDIA_TYPE || essence == "application/json" || essence.ends_with("+json")
}

fn retry_after_ms(headers: &HeaderMap) -> Option<u64> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let seconds: u64 = text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()?;
    seconds.checked_mul(1000).filter(|delay_ms| *delay_ms <= LARGEST)
}

impl Problem {
    /// Reads a problem document.
    ///
    /// A member of another type than its definition is ignored (RFC 9457, section 3.1), and so is a number out of
    /// range. Half of a surrogate pair, as in a text that was cut within an emoji, is read as U+FFFD. At most 127 levels
    /// are read.
    ///
    /// # Errors
    ///
    /// [`Code::MalformedProblem`] when the text is not a JSON object, or when nothing in it tells what happened
    /// (no `type`, `title`, `status` or `code`).
    pub fn from_json(text: &[u8]) -> Result<Self, Error> {
        let malformed = || Error::new(Code::MalformedProblem, "the body is not a problem document");
        let read = serde_json::from_slice(text);
        let read =
            read.or_else(|err| whole_pairs(text).map_or(Err(err), |text| serde_json::from_slice(&text)));
        let members: Map<String, Json> = read.map_err(|err| malformed().with_source(err))?;
        let problem = Self::from(members);
        let says_nothing = problem.type_uri == ABOUT_BLANK
            && problem.title.is_empty()
            && problem.status == 0
            && problem.code.is_none();
        if says_nothing { Err(malformed()) } else { Ok(problem) }
    }
}

impl From<Map<String, Json>> for Problem {
    fn from(mut members: Map<String, Json>) -> Self {
        let mut text = |key: &str| match members.remove(key) {
            Some(Json::String(text)) => Some(text),
            _ => None,
        };
        let mut problem = Self {
            type_uri: text("type").unwrap_or_else(|| ABOUT_BLANK.to_owned()),
            title: text("title").unwrap_or_default(),
            code: text("code"),
            detail: text("detail"),
            instance: text("instance"),
            trace_id: text("trace_id").and_then(|id| id.parse().ok()),
            ..Self::default()
        };
        let mut whole = |key: &str| members.remove(key).as_ref().and_then(whole_number);
        let status = whole("status").filter(|status| (400..=599).contains(status));
        problem.status = status.and_then(|status| u16::try_from(status).ok()).unwrap_or_default();
        problem.number = whole("number").and_then(|number| u16::try_from(number).ok());
        problem.retry_after_ms = whole("retry_after_ms");
        if let Some(Json::Array(errors)) = members.remove("errors") {
            problem.errors = errors.iter().filter_map(Violation::from_json).collect();
        }
        if let Some(Json::Object(context)) = members.remove("context") {
            let pairs = context.into_iter().filter_map(|(key, value)| Some((key, Value::from_json(value)?)));
            problem.context = pairs.collect();
        }
        problem.causes = members.remove("causes").as_ref().map(Causes::from_json).unwrap_or_default();
        problem.extensions = members.into_iter().collect();
        problem
    }
}

/// Writes U+FFFD where an escape is half of a surrogate pair; nothing if there is none.
fn whole_pairs(text: &[u8]) -> Option<Vec<u8>> {
    let surrogate = |at: usize| {
        let hex = std::str::from_utf8(text.get(at..at + 6)?.strip_prefix(b"\\u")?).ok()?;
        u16::from_str_radix(hex, 16).ok().filter(|unit| (0xD800..=0xDFFF).contains(unit))
    };
    let (mut mended, mut at) = (text.to_vec(), 0);
    while let Some(step) = text[at..].iter().position(|byte| *byte == b'\\') {
        at += step;
        at += match (surrogate(at), surrogate(at + 6)) {
            (Some(0xD800..=0xDBFF), Some(0xDC00..)) => 12,
            (Some(_), _) => {
                mended[at..at + 6].copy_from_slice(b"\\ufffd");
                6
            }
            // Whatever is escaped, also a backslash.
            (None, _) => 2,
        };
        at = at.min(text.len());
    }
    (mended != text).then_some(mended)
}

/// A number without a fraction, however it is written, up to the largest that every language holds exactly.
fn whole_number(value: &Json) -> Option<u64> {
    let float =
        || value.as_f64().filter(|value| value.fract() == 0.0 && (0.0..=LARGEST as f64).contains(value));
    value.as_u64().or_else(|| float().map(|value| value as u64)).filter(|value| *value <= LARGEST)
}

/// 2^53 - 1.
const LARGEST: u64 = (1 << 53) - 1;

impl From<Problem> for Error {
    /// A code that the catalogue lacks becomes the code of its HTTP status; the document stays behind the error.
    fn from(problem: Problem) -> Self {
        let code = problem.known_code().unwrap_or_else(|| Code::of_status(problem.status));
        let mut err = Self::from_code(code)
            .with_violations(problem.errors.iter().cloned())
            .with_causes(problem.causes.clone());
        match problem.retry_after() {
            Some(delay) => err = err.with_retry_after(delay),
            // Ours always name a delay as long as another try makes sense.
            None if problem.is_ours() => err = err.into_persistent(),
            None => {}
        }
        err.with_source(Upstream(problem))
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

impl Code {
    /// Returns the code that says what an HTTP status says, for documents that name no code of ours.
    ///
    /// Whether and when a request may be repeated then follows from that code: 429 always, 408, 502, 503 and 504 if
    /// the request is idempotent, because nothing says that it had no effect; any other status never.
    ///
    /// # Examples
    ///
    /// ```
    /// use maily_errors::{Code, SafeWhen};
    ///
    /// assert_eq!(Code::of_status(503), Code::Unavailable);
    /// assert_eq!(Code::of_status(429).safe_when(), SafeWhen::Always);
    /// ```
    #[must_use]
    pub const fn of_status(status: u16) -> Self {
        match status {
            401 => Self::Unauthorized,
            403 => Self::Forbidden,
            404 | 410 => Self::NotFound,
            408 | 504 => Self::Timeout,
            409 | 412 => Self::Conflict,
            413 | 414 | 431 => Self::TooLarge,
            429 => Self::Throttled,
            405 | 406 | 415 | 501 => Self::Unsupported,
            499 => Self::Canceled,
            502 | 503 => Self::Unavailable,
            400..=499 => Self::Invalid,
            _ => Self::Unexpected,
        }
    }
}
