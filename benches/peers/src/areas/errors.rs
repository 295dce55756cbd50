//! What it costs to fail.

use std::hint::black_box;

use maily_errors::{Code, Error, Problem, Public};
use snafu::{IntoError as _, NoneError};

use crate::contest::{Bar, Contest};

#[derive(Debug, thiserror::Error)]
enum Thiserror {
    #[error("timed out")]
    Timeout,
    #[error("prompt is too long, limit: {limit}")]
    TooLong { limit: u64 },
}

#[derive(Debug, snafu::Snafu)]
enum Snafu {
    #[snafu(display("timed out"))]
    Timeout,
    #[snafu(display("prompt is too long, limit: {limit}"))]
    TooLong { limit: u64 },
}

pub(crate) fn run() {
    bare();
    with_context();
    problem();
}

/// A failure that says no more than what it is.
fn bare() {
    Contest::new(AREA, "error that is only a code", Bar::Nanoseconds(2.0), || {
        Err::<u64, Error>(Error::from_code(black_box(Code::Timeout)))
    })
    .against("thiserror 2", || Err::<u64, Thiserror>(black_box(Thiserror::Timeout)))
    .against("snafu 0.9", || Err::<u64, Snafu>(black_box(TimeoutSnafu).into_error(NoneError)))
    .against("anyhow 1", || Err::<u64, anyhow::Error>(black_box(Thiserror::Timeout).into()))
    .against("error-stack 0.8", || {
        Err::<u64, error_stack::Report<Thiserror>>(error_stack::Report::new(black_box(Thiserror::Timeout)))
    })
    .run();
}

/// A failure that carries one value. Ours keeps code, message, operation and the value as text.
fn with_context() {
    Contest::new(AREA, "error with one context", Bar::Nanoseconds(40.0), || {
        Err::<u64, Error>(
            Error::new(Code::PromptTooLarge, "prompt is too long")
                .with_operation("peers::with_context")
                .with_context("limit", Public(black_box(4096_u64))),
        )
    })
    .against("thiserror 2", || Err::<u64, Thiserror>(Thiserror::TooLong { limit: black_box(4096) }))
    .against("snafu 0.9", || {
        Err::<u64, Snafu>(TooLongSnafu { limit: black_box(4096_u64) }.into_error(NoneError))
    })
    .against("anyhow 1", || {
        let err = anyhow::Error::from(Thiserror::Timeout);
        Err::<u64, anyhow::Error>(err.context(format!("prompt is too long, limit: {}", black_box(4096_u64))))
    })
    .against("error-stack 0.8", || {
        let report = error_stack::Report::new(Thiserror::Timeout);
        Err::<u64, _>(report.attach(format!("prompt is too long, limit: {}", black_box(4096_u64))))
    })
    .run();
}

/// The body of an answer: from the error to bytes.
fn problem() {
    let error = Error::new(Code::PromptTooLarge, "prompt is too long");
    Contest::new(AREA, "problem body from an error", Bar::Peer, || {
        Problem::from(black_box(&error)).to_json()
    })
    .against("problem_details 0.11", || {
        let problem = problem_details::ProblemDetails::from_status_code(TOO_LARGE)
            .with_title("The prompt is over its limit")
            .with_detail(black_box("prompt is too long"));
        serde_json::to_vec(&problem)
    })
    .against("serde_json json!", || {
        serde_json::to_vec(&serde_json::json!({
            "type": "urn:maily:error:prompt-too-large",
            "title": "The prompt is over its limit",
            "status": 413,
            "detail": black_box("prompt is too long"),
            "code": "prompt-too-large",
            "number": 201,
        }))
    })
    .run();
}

const AREA: &str = "errors";
/// The status that ours takes from its catalogue.
const TOO_LARGE: http::StatusCode = http::StatusCode::PAYLOAD_TOO_LARGE;
