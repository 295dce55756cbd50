//! Wire bytes to model types. Pure functions.

use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE, RETRY_AFTER, USER_AGENT};
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
/// The version of the protocol; there is no later one.
const VERSION: HeaderValue = HeaderValue::from_static("2023-06-01");

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
    headers.insert("anthropic-version", VERSION);
    if let Some(key) = &settings.key {
        headers.insert("x-api-key", key.clone());
    }
    if let Some(betas) = &settings.betas {
        headers.insert("anthropic-beta", betas.clone());
    }
    if let Some(trace) = prompt.head.trace.and_then(|trace| HeaderValue::try_from(trace.to_string()).ok()) {
        headers.insert("traceparent", trace);
    }
    if let Some(state) = &prompt.head.trace_state {
        headers.insert("tracestate", state.clone());
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
    let wanted = |name: &str| name == "request-id" || name.starts_with("anthropic-ratelimit-");
    let pairs = headers.iter().filter(|(name, _)| wanted(name.as_str()));
    pairs.map(|(name, value)| (name.clone(), value.clone())).collect()
}

/// How long the node asks to wait: the protocol has whole seconds.
pub(crate) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Duration::try_from_secs_f64(seconds).ok()
}

/// What the node says why it refused, at most 300 characters; `None` if it is not the format of the protocol.
pub(crate) fn reason(body: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Refusal {
        error: Reason,
    }
    #[derive(Deserialize)]
    struct Reason {
        message: String,
    }
    let refusal: Refusal = serde_json::from_slice(body).ok()?;
    Some(refusal.error.message.chars().filter(|c| !c.is_control()).take(MAX_REASON_CHARS).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    #[test]
    fn retry_after_is_in_seconds() {
        let read = |value| retry_after(&headers(&[("retry-after", value)]));

        assert_eq!(read("7"), Some(Duration::from_secs(7)));
        for nonsense in ["", "-1", "NaN", "1e300", "soon"] {
            assert_eq!(read(nonsense), None, "{nonsense}");
        }
    }

    #[test]
    fn only_harmless_headers_are_passed_on() {
        let passed = passed_on(&headers(&[
            ("request-id", "r1"),
            ("anthropic-ratelimit-tokens-remaining", "5"),
            ("set-cookie", "secret"),
            ("anthropic-organization-id", "secret"),
        ]));

        assert_eq!(passed.len(), 2);
    }

    #[test]
    fn reason_is_short_and_has_no_control_characters() {
        let body = br#"{"type":"error","error":{"type":"x","message":"too\nlong"}}"#;
        assert_eq!(reason(body).unwrap(), "toolong");
        let long = format!(r#"{{"error":{{"message":"{}"}}}}"#, "é".repeat(1000));
        assert_eq!(reason(long.as_bytes()).unwrap().chars().count(), 300);
        assert_eq!(reason(b"<html>"), None);
    }
}
