//! A failed answer becomes an error. No I/O.

use std::time::Duration;

use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::response::Parts;

use crate::code::Code;
use crate::model::Error;
use crate::problem::Problem;
use crate::redact::Public;

/// Reads head and body of an answer whose status is 400 or more.
pub(super) fn error(head: &Parts, body: &[u8]) -> Error {
    if !is_json(head) {
        return malformed(head);
    }
    let Ok(mut problem) = Problem::from_json(body) else {
        return malformed(head);
    };
    if problem.status == 0 {
        problem.status = head.status.as_u16();
    }
    let header = || retry_after(head).map(|delay| u64::try_from(delay.as_millis()).unwrap_or(u64::MAX));
    problem.retry_after_ms = problem.retry_after_ms.or_else(header);
    Error::from(problem).with_operation("errors::decode")
}

/// Says that the answer is not a problem document.
pub(super) fn malformed(head: &Parts) -> Error {
    let err = Error::new(Code::MalformedProblem, "an upstream error is not a problem document")
        .with_operation("errors::decode")
        .with_context("status", Public(head.status.as_u16()));
    match retry_after(head) {
        Some(delay) => err.with_retry_after(delay),
        None => err,
    }
}

/// Plain JSON counts too: many services answer problem documents under it.
fn is_json(head: &Parts) -> bool {
    let content_type =
        head.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence == "application/json" || essence == crate::MEDIA_TYPE
}

/// Reads the header as seconds. A date is not read: the clocks of two machines disagree by more than it says.
fn retry_after(head: &Parts) -> Option<Duration> {
    let seconds = head.headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}
