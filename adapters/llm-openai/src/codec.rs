//! Wire bytes to model types. Pure functions.

use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER, USER_AGENT};
use http::{HeaderMap, HeaderValue, Method, Request};
use http_body_util::Full;
use maily_errors::Result;
use maily_mesh::Prompt;
use serde::Deserialize;

use crate::config::Settings;
use crate::error;

/// How much of a refusal is read.
pub(crate) const MAX_REASON_BYTES: usize = 16 * 1024;
/// How much of a refusal is shown.
const MAX_REASON_CHARS: usize = 300;

/// The request of a prompt: its body as it is.
pub(crate) fn request(settings: &Settings, prompt: &Prompt) -> Request<Full<Bytes>> {
    let mut request = Request::new(Full::new(prompt.body().clone()));
    *request.method_mut() = Method::POST;
    *request.uri_mut() = settings.endpoint.clone();
    let headers = request.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let accept = if prompt.head.stream { "text/event-stream" } else { "application/json" };
    headers.insert(ACCEPT, HeaderValue::from_static(accept));
    headers.insert(USER_AGENT, HeaderValue::from_static(concat!("maily/", env!("CARGO_PKG_VERSION"))));
    if let Some(key) = &settings.authorization {
        headers.insert(AUTHORIZATION, key.clone());
    }
    if let Some(trace) = prompt.head.trace.and_then(|trace| HeaderValue::try_from(trace.to_string()).ok()) {
        headers.insert("traceparent", trace);
    }
    request
}

/// Whether the answer is a stream of events; anything but events and JSON is no answer.
pub(crate) fn is_stream(headers: &HeaderMap) -> Result<bool> {
    let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or("application/json");
    let essence = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    match essence.as_str() {
        "text/event-stream" => Ok(true),
        "application/json" => Ok(false),
        _ => Err(error::not_an_answer(&essence)),
    }
}

/// The headers that a client may want: the request's id at the node, and its rate limits.
pub(crate) fn passed_on(headers: &HeaderMap) -> HeaderMap {
    let wanted = |name: &str| name == "x-request-id" || name.starts_with("x-ratelimit-");
    let pairs = headers.iter().filter(|(name, _)| wanted(name.as_str()));
    pairs.map(|(name, value)| (name.clone(), value.clone())).collect()
}

/// Whether an answer with this end is whole.
///
/// A stream says `[DONE]`, or at least why it ended: some servers forget the last line. An object
/// ends with its brace.
pub(crate) fn is_whole(tail: &[u8], streamed: bool) -> bool {
    if !streamed {
        return tail.trim_ascii_end().ends_with(b"}");
    }
    let holds = |needle: &[u8]| tail.windows(needle.len()).any(|window| window == needle);
    holds(b"[DONE]") || holds(b"\"finish_reason\":\"") || holds(b"\"finish_reason\": \"")
}

/// How long the node asks to wait: milliseconds, seconds or a date.
pub(crate) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = |name: &str| headers.get(name)?.to_str().ok().map(str::trim);
    if let Some(millis) = text("retry-after-ms").and_then(|text| text.parse().ok()) {
        return Some(Duration::from_millis(millis));
    }
    let value = text(RETRY_AFTER.as_str())?;
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

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    #[test]
    fn retry_after_is_read_in_each_form() {
        let read = |name, value| retry_after(&headers(&[(name, value)]));

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
    fn end_of_an_answer_is_known() {
        assert!(is_whole(b"data: [DONE]\n\n", true));
        assert!(is_whole(b"{\"choices\":[{\"finish_reason\":\"stop\"}]}\n\n", true));
        assert!(!is_whole(b"{\"choices\":[{\"finish_reason\":null}]}\n\n", true));
        assert!(!is_whole(b"", true));
        assert!(is_whole(b"{}\n", false));
        assert!(!is_whole(b"{\"choices\":[", false));
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
        assert!(is_stream(&headers(&[("content-type", "text/event-stream; charset=utf-8")])).unwrap());
        assert!(!is_stream(&headers(&[("content-type", "Application/JSON")])).unwrap());
        assert!(is_stream(&headers(&[("content-type", "text/html")])).is_err());
    }

    #[test]
    fn only_harmless_headers_are_passed_on() {
        let passed = passed_on(&headers(&[
            ("x-request-id", "r1"),
            ("x-ratelimit-remaining-tokens", "5"),
            ("set-cookie", "secret"),
            ("openai-organization", "secret"),
        ]));

        assert_eq!(passed.len(), 2);
    }
}
