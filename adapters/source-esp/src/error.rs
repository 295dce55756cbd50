//! What is wrong with a webhook, as an error of the catalogue.

use maily_errors::{Code, Error, Public};

pub(crate) fn key(message: &'static str) -> Error {
    Error::new(Code::ConfigInvalid, message).with_operation("source_esp::build")
}

pub(crate) fn signature(message: &'static str) -> Error {
    Error::new(Code::WebhookSignature, message).with_operation("source_esp::verify")
}

pub(crate) fn stale(age_s: i64, window_s: i64) -> Error {
    Error::new(Code::WebhookStale, "the timestamp of the webhook is outside the window")
        .with_operation("source_esp::verify")
        .with_context("age_s", Public(age_s))
        .with_context("window_s", Public(window_s))
}

pub(crate) fn too_large(what: &'static str, size: usize, limit: usize) -> Error {
    Error::new(Code::TooLarge, "the webhook is over its limit")
        .with_operation("source_esp::read")
        .with_context("what", Public(what))
        .with_context("size", Public(size))
        .with_context("limit", Public(limit))
}

pub(crate) fn body(err: serde_json::Error) -> Error {
    Error::new(Code::EventInvalid, "the body is not an array of objects")
        .with_operation("source_esp::translate")
        .with_source(err)
}

/// A field of one event, by its position in the array. Names what was expected, never what was there.
pub(crate) fn field(index: usize, name: &'static str, expected: &'static str) -> Error {
    Error::new(Code::EventInvalid, "an event of the webhook cannot be read")
        .with_operation("source_esp::translate")
        .with_violation(format!("/{index}/{name}"), expected)
}
