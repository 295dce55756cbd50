//! The body that a code is answered with when nothing more is known.

use serde_json::{Value, json};

use super::catalogue::Entry;

/// Returns the members in the order of the wire. `crates/errors/tests/pages.rs` compares them with a real answer.
pub(super) fn members(e: &Entry) -> Vec<(&'static str, Value)> {
    let mut members = vec![
        ("type", json!(format!("urn:maily:error:{}", e.name))),
        ("title", json!(e.title)),
        ("status", json!(e.http)),
        ("code", json!(e.name)),
        ("number", json!(e.number)),
    ];
    if e.retryable {
        members.push(("retry_after_ms", json!(e.backoff_ms)));
    }
    members
}
