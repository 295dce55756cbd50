//! Wire errors to ours: the only place that maps.

use http::response::Parts;
use hyper_util::client::legacy;
use maily_errors::{Code, Error, Public};
use maily_mesh::{Format, PassedOn};

use crate::codec;

/// No answer came: nobody listens, or the connection broke before the head of the answer.
pub(crate) fn unsent(err: legacy::Error) -> Error {
    let (code, message) = if err.is_connect() {
        (Code::NodeUnreachable, "the node cannot be reached")
    } else {
        (Code::NodeFailed, "the node hung up before it answered")
    };
    Error::new(code, message).with_operation("anthropic::call").with_source(err)
}

/// The node answered with an error status.
pub(crate) fn refused(parts: &Parts, body: &[u8]) -> Error {
    let status = parts.status.as_u16();
    let (code, message) = match status {
        401 | 403 => (Code::NodeKeyRefused, "the node refused our key"),
        404 => (Code::ModelNotFound, "the node does not know the model"),
        408 | 504 => (Code::Timeout, "the node ran out of time"),
        413 => (Code::PromptTooLarge, "the prompt is too large for the node"),
        429 => (Code::NodeThrottled, "the node asks to slow down"),
        400..=499 => (Code::NodeRejected, "the node refused the prompt"),
        // A redirect is not followed: it would take the key to another place.
        _ => (Code::NodeFailed, "the node answered with an error"),
    };
    let mut err = Error::new(code, message)
        .with_operation("anthropic::call")
        .with_context("node_status", Public(status));
    if let Some(delay) = codec::retry_after(&parts.headers) {
        err = err.with_retry_after(delay);
    }
    let passed_on = codec::passed_on(&parts.headers);
    if !passed_on.is_empty() {
        err = err.with_source(PassedOn::new(passed_on));
    }
    match codec::reason(body) {
        // About the prompt, so for the one who wrote it. Other reasons may hold parts of the key.
        Some(reason) if matches!(code, Code::NodeRejected | Code::PromptTooLarge) => {
            err.with_context("reason", Public(reason))
        }
        Some(reason) => err.with_context("reason", reason),
        None => err,
    }
}

/// The prompt is in another format, and nobody translated it.
pub(crate) fn not_messages(format: Format) -> Error {
    Error::new(Code::PromptUntranslatable, "this node takes messages only")
        .with_operation("anthropic::call")
        .with_context("format", Public(format.as_str()))
}

/// The answer is neither events nor JSON: the URL is probably not that of an API.
pub(crate) fn not_an_answer(content_type: &str) -> Error {
    Error::new(Code::StreamMalformed, "the node answers in a format that is not that of messages")
        .with_operation("anthropic::call")
        .with_context("content_type", content_type)
}

/// The node is silent for too long.
pub(crate) fn silent(phase: &'static str) -> Error {
    Error::new(Code::Timeout, "the node was silent for too long")
        .with_operation("anthropic::call")
        .with_context("phase", Public(phase))
}

/// The connection broke in the middle of the answer.
pub(crate) fn cut(err: hyper::Error) -> Error {
    Error::new(Code::StreamCut, "the connection broke in the middle of the answer")
        .with_operation("anthropic::body")
        .with_source(err)
}

/// The answer ended cleanly, and is not whole.
pub(crate) fn without_end() -> Error {
    Error::new(Code::AnswerIncomplete, "the answer ended without saying that it is done")
        .with_operation("anthropic::body")
}
