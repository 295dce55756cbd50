//! Wire bytes to model types. Pure functions.

use std::io::Write as _;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use maily_errors::Result;
use maily_mesh::{Format, Prompt};
use serde::Deserialize;
use tokio::time::Instant;

use crate::error;
use crate::http1::{Headers, Request};

/// How much of a refusal is read.
pub(crate) const MAX_REASON_BYTES: usize = 16 * 1024;
/// Enough for what one request has of its own.
const OWN_BYTES: usize = 160;
/// How much of a refusal is shown.
const MAX_REASON_CHARS: usize = 300;

/// What every request of a format begins with. The key is in it.
#[derive(Clone)]
pub(crate) struct Heads {
    chat: Bytes,
    completions: Bytes,
    messages: Bytes,
    responses: Bytes,
}

impl Heads {
    /// Writes the heads of a node whose API begins at `path`; a query goes behind each.
    pub(crate) fn new(host: &str, path: &str, query: &str, key: Option<&str>) -> Self {
        let path = path.trim_end_matches('/');
        let key = key.map(|key| format!("authorization: Bearer {key}\r\n")).unwrap_or_default();
        let version = env!("CARGO_PKG_VERSION");
        let head = |end: &str| {
            Bytes::from(format!(
                "POST {path}/{end}{query} HTTP/1.1\r\nhost: {host}\r\nuser-agent: maily/{version}\r\n\
                 content-type: application/json\r\n{key}"
            ))
        };
        Self {
            chat: head("chat/completions"),
            completions: head("completions"),
            messages: head("messages"),
            responses: head("responses"),
        }
    }

    const fn of(&self, format: Format) -> &Bytes {
        match format {
            Format::Chat => &self.chat,
            Format::Completions => &self.completions,
            Format::Messages => &self.messages,
            Format::Responses => &self.responses,
        }
    }
}

/// The request of a prompt: its body as it is.
pub(crate) fn request(heads: &Heads, prompt: &Prompt) -> Request {
    let accept = if prompt.head.stream { "text/event-stream" } else { "application/json" };
    let mut own = Vec::with_capacity(OWN_BYTES);
    // Writing to a vector does not fail.
    if let Some(trace) = prompt.head.trace {
        let _ = write!(own, "traceparent: {trace}\r\n");
    }
    if let Some(state) = &prompt.head.trace_state {
        own.extend_from_slice(b"tracestate: ");
        // The value of a header holds no line break.
        own.extend_from_slice(state.as_bytes());
        own.extend_from_slice(b"\r\n");
    }
    if let Some(deadline) = prompt.head.deadline {
        // Another mesh behind the node's address gives up when we do.
        let left = deadline.saturating_duration_since(Instant::now()).as_millis();
        let _ = write!(own, "x-maily-timeout-ms: {left}\r\n");
    }
    let _ = write!(own, "accept: {accept}\r\ncontent-length: {}\r\n\r\n", prompt.body().len());
    Request { fixed: heads.of(prompt.head.format).clone(), own, body: prompt.body().clone() }
}

/// What the head of an answer says to us.
#[derive(Debug, Default)]
pub(crate) struct Fields {
    kind: Kind,
    retry_after: Option<Duration>,
    retry_after_ms: Option<Duration>,
    /// The fields that a client may want: the request's id at the node, and its rate limits.
    pub(crate) passed_on: HeaderMap,
}

/// The format of the body.
#[derive(Debug, Default)]
enum Kind {
    Events,
    /// Also without a content type.
    #[default]
    Json,
    Other(String),
}

impl Headers for Fields {
    fn see(&mut self, name: &str, value: &[u8]) {
        let is = |known: &str| name.eq_ignore_ascii_case(known);
        let text = || std::str::from_utf8(value).unwrap_or_default();
        if is("content-type") {
            self.kind = Kind::of(text());
        } else if is("content-encoding") && !value.eq_ignore_ascii_case(b"identity") {
            // Nobody asked for it, and nobody behind us would know.
            self.kind = Kind::Other(text().to_owned());
        } else if is("retry-after") {
            self.retry_after = delay(text());
        } else if is("retry-after-ms") {
            self.retry_after_ms = text().parse().ok().map(Duration::from_millis);
        } else if (is("x-request-id") || begins(name, "x-ratelimit-"))
            && let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), HeaderValue::from_bytes(value))
        {
            self.passed_on.append(name, value);
        }
    }
}

impl Fields {
    /// Whether the answer is a stream of events; anything but events and JSON is no answer.
    pub(crate) fn is_stream(&self) -> Result<bool> {
        match &self.kind {
            Kind::Events => Ok(true),
            Kind::Json => Ok(false),
            Kind::Other(kind) => Err(error::not_an_answer(kind)),
        }
    }

    /// How long the node asks to wait: milliseconds, seconds or a date.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        self.retry_after_ms.or(self.retry_after)
    }
}

impl Kind {
    fn of(content_type: &str) -> Self {
        let essence = content_type.split(';').next().unwrap_or_default().trim();
        if essence.eq_ignore_ascii_case("text/event-stream") {
            Self::Events
        } else if essence.eq_ignore_ascii_case("application/json") {
            Self::Json
        } else {
            Self::Other(essence.to_ascii_lowercase())
        }
    }
}

fn begins(name: &str, with: &str) -> bool {
    name.as_bytes().get(..with.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(with.as_bytes()))
}

fn delay(value: &str) -> Option<Duration> {
    let seconds = value.parse().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    seconds.or_else(|| {
        let date = jiff::fmt::rfc2822::parse(value).ok()?.timestamp();
        // A date in the past means now.
        Some(Duration::try_from(date.duration_since(jiff::Timestamp::now())).unwrap_or_default())
    })
}

/// What the node says why it refused, at most 300 characters; `None` if it is not the OpenAI format.
pub(crate) fn reason(body: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Refusal {
        error: Reason,
    }
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Reason {
        Object { message: String },
        Text(String),
    }
    let refusal: Refusal = serde_json::from_slice(body).ok()?;
    let (Reason::Object { message } | Reason::Text(message)) = refusal.error;
    Some(message.chars().filter(|c| !c.is_control()).take(MAX_REASON_CHARS).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(pairs: &[(&str, &str)]) -> Fields {
        let mut fields = Fields::default();
        pairs.iter().for_each(|(name, value)| fields.see(name, value.as_bytes()));
        fields
    }

    #[test]
    fn retry_after_is_read_in_each_form() {
        let read = |name, value| fields(&[(name, value)]).retry_after();

        assert_eq!(read("retry-after", "7"), Some(Duration::from_secs(7)));
        assert_eq!(read("retry-after", "0.5"), Some(Duration::from_millis(500)));
        assert_eq!(read("retry-after-ms", "20"), Some(Duration::from_millis(20)));
        assert_eq!(read("retry-after", "Sun, 06 Nov 1994 08:49:37 GMT"), Some(Duration::ZERO));
        assert!(read("retry-after", "Sat, 06 Nov 2094 08:49:37 GMT") > Some(Duration::from_secs(1_000_000)));
        for nonsense in ["", "-1", "NaN", "1e300", "soon"] {
            assert_eq!(read("retry-after", nonsense), None, "{nonsense}");
        }
    }

    #[test]
    fn milliseconds_win_over_seconds() {
        let fields = fields(&[("retry-after-ms", "20"), ("retry-after", "7")]);

        assert_eq!(fields.retry_after(), Some(Duration::from_millis(20)));
    }

    #[test]
    fn reason_is_short_and_has_no_control_characters() {
        assert_eq!(reason(br#"{"error":{"message":"too\nlong","type":"x"}}"#).unwrap(), "toolong");
        assert_eq!(reason(br#"{"error":"plain"}"#).unwrap(), "plain");
        let long = format!(r#"{{"error":{{"message":"{}"}}}}"#, "é".repeat(1000));
        assert_eq!(reason(long.as_bytes()).unwrap().chars().count(), 300);
        assert_eq!(reason(b"<html>"), None);
    }

    #[test]
    fn answer_is_events_or_json() {
        assert!(fields(&[("Content-Type", "text/event-stream; charset=utf-8")]).is_stream().unwrap());
        assert!(!fields(&[("content-type", "Application/JSON")]).is_stream().unwrap());
        assert!(!fields(&[]).is_stream().unwrap());
        assert!(fields(&[("content-type", "text/html")]).is_stream().is_err());
        assert!(
            fields(&[("content-type", "application/json"), ("content-encoding", "gzip")])
                .is_stream()
                .is_err()
        );
    }

    #[test]
    fn only_harmless_headers_are_passed_on() {
        let fields = fields(&[
            ("X-Request-Id", "r1"),
            ("x-ratelimit-remaining-tokens", "5"),
            ("set-cookie", "secret"),
            ("openai-organization", "secret"),
        ]);

        assert_eq!(fields.passed_on.len(), 2);
    }
}
