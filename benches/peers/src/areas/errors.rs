//! What it costs to fail.

use std::hint::black_box;
use std::time::Duration;

use maily_errors::{Code, Error, Problem, Public, TraceContext};
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
    TooLong {
        limit: u64,
        #[snafu(implicit)]
        location: snafu::Location,
    },
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
    .allocating_at_most(0)
    .undisturbed()
    .run();
}

/// A failure that carries one value and where it happened. Ours keeps code, message and operation too.
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
    .allocating_at_most(1)
    .undisturbed()
    .run();
}

/// The nine members of a body that a struct holds, for `serde_json`.
#[derive(serde::Serialize)]
struct NineMembers<'a> {
    r#type: &'a str,
    title: &'a str,
    status: u16,
    code: &'a str,
    number: u16,
    detail: &'a str,
    retry_after_ms: u64,
    context: Limit,
    trace_id: &'a str,
}

#[derive(serde::Serialize)]
struct Limit {
    limit_per_minute: u64,
}

const NINE: NineMembers<'static> = NineMembers {
    r#type: "urn:maily:error:node-throttled",
    title: "The node asks to slow down",
    status: 429,
    code: "node-throttled",
    number: 205,
    detail: "the node is busy",
    retry_after_ms: 1500,
    context: Limit { limit_per_minute: 60 },
    trace_id: "4bf92f3577b34da6a3ce929d0e0e4736",
};

fn nine_members() -> Error {
    let trace = TraceContext::parse("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
    Error::new(Code::NodeThrottled, "the node is busy")
        .with_context("limit_per_minute", Public(60))
        .with_retry_after(Duration::from_millis(1500))
        .with_trace(trace.expect("the text is a position in a trace"))
}

/// The body of an answer: from the error to bytes in a buffer that is used again.
fn problem() {
    let error = nine_members();
    let mut body = Vec::new();
    Problem::write(&error, &mut body);
    assert_eq!(body, serde_json::to_vec(&NINE).expect("it is a plain struct"), "all write the same");

    let (mut first, mut second) = (Vec::with_capacity(1024), Vec::with_capacity(1024));
    let mut reused = Vec::with_capacity(1024);
    let mut write = || {
        reused.clear();
        Problem::write(black_box(&error), &mut reused);
        reused.len()
    };
    Contest::new(AREA, "problem body, 9 members", Bar::Nanoseconds(120.0), &mut write)
        .against("serde_json json! 1", || {
            first.clear();
            let value = serde_json::json!({
                "type": NINE.r#type, "title": NINE.title, "status": NINE.status, "code": NINE.code,
                "number": NINE.number, "detail": black_box(NINE.detail), "retry_after_ms": NINE.retry_after_ms,
                "context": { "limit_per_minute": NINE.context.limit_per_minute }, "trace_id": NINE.trace_id,
            });
            serde_json::to_writer(&mut first, &value).is_ok()
        })
        .against("problem_details 0.11, 3 members", || {
            let problem = problem_details::ProblemDetails::from_status_code(TOO_MANY)
                .with_title(NINE.title)
                .with_detail(black_box(NINE.detail));
            serde_json::to_vec(&problem)
        })
        .allocating_at_most(0)
        .undisturbed()
    .run();
    Contest::new(AREA, "problem body, half the time of a struct", Bar::PartOfPeer(0.5), &mut write)
        .against("serde_json struct 1", || {
            second.clear();
            serde_json::to_writer(&mut second, black_box(&NINE)).is_ok()
        })
        .allocating_at_most(0)
        .undisturbed()
        .run();
}

const AREA: &str = "errors";
/// The status that ours takes from its catalogue.
const TOO_MANY: http::StatusCode = http::StatusCode::TOO_MANY_REQUESTS;
