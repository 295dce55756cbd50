//! The port in memory, and the one that every process has.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use crate::catalogue::Class;
use crate::model::Error;
use crate::port::Report;
use crate::trace::TraceContext;

/// Keeps what was reported, for tests and for a first look. Clones share the list.
///
/// Holds at most [`MemoryReport::LIMIT`] lines; the oldest goes first.
///
/// # Examples
///
/// ```
/// use maily_errors::{Code, Error, MemoryReport, Report};
///
/// let report = MemoryReport::default();
/// report.report(&Error::from(Code::Panicked));
/// assert_eq!(report.lines(), ["A handler stopped unexpectedly (panicked)"]);
/// ```
#[derive(Clone, Debug, Default)]
pub struct MemoryReport {
    lines: Arc<Mutex<VecDeque<String>>>,
}

/// Writes errors to the log of the process, through `tracing`.
///
/// What an operator can do something about is an error, what the caller or time can is a debug line.
#[derive(Clone, Copy, Debug, Default)]
pub struct LogReport;

// === impl MemoryReport ===

impl MemoryReport {
    /// How many lines are kept.
    pub const LIMIT: usize = 1000;

    /// Returns what was reported, oldest first.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }
}

impl Report for MemoryReport {
    fn report(&self, err: &Error) {
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() == Self::LIMIT {
            lines.pop_front();
        }
        lines.push_back(format!("{err:?}"));
    }
}

// === impl LogReport ===

impl Report for LogReport {
    fn report(&self, err: &Error) {
        let code = err.code().name();
        let trace_id =
            err.trace().or_else(TraceContext::current).map(|trace| tracing::field::display(trace.trace_id()));
        match err.code().class() {
            Class::Server => tracing::error!(code, trace_id, error = ?err, "failed"),
            Class::Client | Class::Throttle | Class::Transient => {
                tracing::debug!(code, trace_id, error = ?err, "failed")
            }
        }
    }
}
