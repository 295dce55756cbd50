//! Wire errors to ours: the only place that maps.

use std::io;

use http::StatusCode;
use maily_errors::{Code, Error, Public};
use maily_mesh::PassedOn;

use crate::codec::{self, Fields};
use crate::http1::Failure;

/// There is no answer, or no more of it.
pub(crate) fn of(failure: Failure) -> Error {
    match failure {
        Failure::Unreachable(err) => Error::new(Code::NodeUnreachable, "the node cannot be reached")
            .with_operation(CALL)
            .with_source(err),
        Failure::HungUp(err) => {
            let hung_up = Error::new(Code::NodeFailed, "the node hung up before it answered");
            because(hung_up.with_operation(CALL), err)
        }
        Failure::Cut(err) => because(cut(), err),
        Failure::Head(why) => Error::new(Code::NodeFailed, "the node does not speak http as it should")
            .with_operation(CALL)
            .with_context("why", Public(why)),
        // To the reader it is the same: from here on there is nothing to trust.
        Failure::Framing(why) => cut().with_context("why", Public(why)),
        Failure::Silent(phase) => Error::new(Code::Timeout, "the node was silent for too long")
            .with_operation(CALL)
            .with_context("phase", Public(phase)),
    }
}

fn cut() -> Error {
    Error::new(Code::StreamCut, "the connection broke in the middle of the answer").with_operation(BODY)
}

fn because(err: Error, source: Option<io::Error>) -> Error {
    match source {
        Some(source) => err.with_source(source),
        None => err,
    }
}

/// The node answered with an error status.
pub(crate) fn refused(status: StatusCode, fields: &Fields, body: &[u8]) -> Error {
    let status = status.as_u16();
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
    let mut err = Error::new(code, message).with_operation(CALL).with_context("node_status", Public(status));
    if let Some(delay) = fields.retry_after() {
        err = err.with_retry_after(delay);
    }
    if !fields.passed_on.is_empty() {
        err = err.with_source(PassedOn::new(fields.passed_on.clone()));
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

/// The answer is neither events nor JSON: the URL is probably not that of an API.
pub(crate) fn not_an_answer(content_type: &str) -> Error {
    Error::new(Code::StreamMalformed, "the node answers in a format that is not openai's")
        .with_operation(CALL)
        .with_context("content_type", content_type)
}

/// The answer ended cleanly, and is not whole.
pub(crate) fn without_end() -> Error {
    Error::new(Code::AnswerIncomplete, "the answer ended without saying that it is done").with_operation(BODY)
}

const CALL: &str = "openai::call";
const BODY: &str = "openai::body";
