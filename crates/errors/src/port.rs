//! What this crate needs from outside: a place for the part of an error that no response may show.

use std::fmt;

use crate::model::Error;

/// Where errors go that nobody answers for.
///
/// A response carries only what is public; the rest (source, operation, context for the log) goes here. So does an
/// error of work that has no caller, such as a background task.
///
/// # Contract
///
/// - [`report`](Self::report) returns at once: it neither blocks nor waits for a network.
/// - It never panics, whatever the error holds.
/// - It may be called from many threads at the same time.
pub trait Report: fmt::Debug + Send + Sync {
    /// Takes note of an error.
    fn report(&self, err: &Error);
}
