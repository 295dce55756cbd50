//! What went wrong at a server, as our errors: the only place that maps.

use std::io;

use http::StatusCode;
use maily_errors::{Code, Error, Public};
use maily_mesh::{Format, PassedOn};

use super::Dialect;
use super::fields::Fields;
use super::reason::{self, Reason};
use crate::client::Failure;

/// There is no answer, or no more of it.
pub(super) fn of<D: Dialect>(failure: Failure) -> Error {
    match failure {
        Failure::Unreachable(err) => {
            let unreachable = Error::new(Code::NodeUnreachable, "the node cannot be reached");
            let unreachable = unreachable.with_operation(D::CALL);
            match err.kind() {
                // It was not refused: it was silent, in the first of the phases.
                io::ErrorKind::TimedOut => unreachable.with_context("phase", Public("connect")),
                _ => unreachable,
            }
            .with_source(err)
        }
        Failure::HungUp(err) => {
            let hung_up = Error::new(Code::NodeFailed, "the node hung up before it answered");
            because(hung_up.with_operation(D::CALL), err)
        }
        Failure::Cut(err) => because(cut::<D>(), err),
        Failure::Head(why) => Error::new(Code::NodeFailed, "the node does not speak http as it should")
            .with_operation(D::CALL)
            .with_context("why", Public(why)),
        // To the reader it is the same: from here on there is nothing to trust.
        Failure::Framing(why) => cut::<D>().with_context("why", Public(why)),
        Failure::Silent(phase) => Error::new(Code::Timeout, "the node was silent for too long")
            .with_operation(D::CALL)
            .with_context("phase", Public(phase)),
    }
}

fn cut<D: Dialect>() -> Error {
    Error::new(Code::StreamCut, "the connection broke in the middle of the answer").with_operation(D::BODY)
}

fn because(err: Error, source: Option<io::Error>) -> Error {
    match source {
        Some(source) => err.with_source(source),
        None => err,
    }
}

/// The node answered with an error status.
pub(super) fn refused<D: Dialect>(status: StatusCode, fields: &Fields<D>, body: &[u8]) -> Error {
    let status = status.as_u16();
    let (code, message) = match status {
        401 | 403 => (Code::NodeKeyRefused, "the node refused our key"),
        // Its credit may be too small for this prompt only, so the key is not to blame; another node is asked.
        402 => (Code::NodeFailed, "the node wants more credit for the prompt"),
        404 => (Code::ModelNotFound, "the node does not know the model"),
        408 | 504 => (Code::Timeout, "the node ran out of time"),
        413 => (Code::PromptTooLarge, "the prompt is too large for the node"),
        429 => (Code::NodeThrottled, "the node asks to slow down"),
        400..=499 => (Code::NodeRejected, "the node refused the prompt"),
        // A redirect is not followed: it would take the key to another place.
        _ => (Code::NodeFailed, "the node answered with an error"),
    };
    let mut err =
        Error::new(code, message).with_operation(D::CALL).with_context("node_status", Public(status));
    if let Some(delay) = fields.retry_after() {
        err = err.with_retry_after(delay);
    }
    if !fields.passed_on.is_empty() {
        err = err.with_source(PassedOn::new(fields.passed_on.clone()));
    }
    let Some(Reason { message, param }) = reason::read(body) else { return err };
    // Other reasons may hold parts of the key.
    if !matches!(code, Code::NodeRejected | Code::PromptTooLarge) {
        return err.with_context("reason", message);
    }
    // About the prompt, so for the one who wrote it.
    let err = err.with_context("reason", Public(message));
    match param {
        Some(param) => err.with_context("param", Public(param)),
        None => err,
    }
}

/// The prompt is in a format that the server does not take, and nobody translated it.
pub(super) fn not_taken<D: Dialect>(format: Format) -> Error {
    Error::new(Code::PromptUntranslatable, "the node does not take prompts of this format")
        .with_operation(D::CALL)
        .with_context("format", Public(format.as_str()))
}

/// The answer is neither events nor JSON: the URL is probably not that of an API.
pub(super) fn not_an_answer<D: Dialect>(content_type: &str) -> Error {
    Error::new(Code::StreamMalformed, "the node answers with neither events nor json")
        .with_operation(D::CALL)
        .with_context("content_type", content_type)
}

/// The answer ended cleanly, and is not whole.
pub(super) fn without_end<D: Dialect>() -> Error {
    Error::new(Code::AnswerIncomplete, "the answer ended without saying that it is done")
        .with_operation(D::BODY)
}
