//! The last event of a stream that failed.

use bytes::Bytes;
use maily_errors::{Error, Kind};
use serde_json::json;

use crate::model::Format;

/// Writes an error as the last event of a stream of chat completions; no `[DONE]` may follow it.
///
/// Shows the code and the static message, never what only the log may know.
#[must_use]
pub fn error_event(error: &Error) -> Bytes {
    error_event_of(Format::Chat, error)
}

/// Writes an error as the last event of a stream of any format; nothing may follow it.
///
/// An official client raises it: it looks for an `error` member, or for an event of that name.
///
/// # Examples
///
/// ```
/// use maily_errors::{Code, Error};
/// use maily_mesh::{Format, wire};
///
/// let event = wire::error_event_of(Format::Messages, &Error::new(Code::NodeFailed, "the node failed"));
/// assert!(event.starts_with(b"event: error\ndata: {\"error\":"));
/// ```
#[must_use]
pub fn error_event_of(format: Format, error: &Error) -> Bytes {
    let (code, message) = (error.code(), error.message());
    let (name, body) = match format {
        Format::Chat | Format::Completions | Format::Embeddings => {
            let error = json!({ "message": message, "type": code.kind().as_str(), "code": code.name() });
            ("", json!({ "error": error }))
        }
        Format::Messages => {
            let error = json!({ "type": error_type(code.kind()), "message": message, "code": code.name() });
            ("event: error\n", json!({ "type": "error", "error": error }))
        }
        Format::Responses => {
            // The members of the event, and once more where clients look for an error.
            let error = json!({ "message": message, "type": code.kind().as_str(), "code": code.name() });
            let body = json!({
                "type": "error", "code": code.name(), "message": message, "param": null, "error": error,
            });
            ("event: error\n", body)
        }
    };
    format!("{name}data: {body}\n\n").into()
}

/// What messages calls a kind of error.
#[must_use]
pub fn error_type(kind: Kind) -> &'static str {
    match kind {
        Kind::Forbidden => "permission_error",
        Kind::NotFound => "not_found_error",
        Kind::Throttled => "rate_limit_error",
        Kind::TooLarge => "request_too_large",
        Kind::Timeout => "timeout_error",
        Kind::Unauthorized => "authentication_error",
        Kind::Unavailable => "overloaded_error",
        Kind::Conflict | Kind::Invalid | Kind::Unsupported => "invalid_request_error",
        _ => "api_error",
    }
}
