use maily_errors::{Code, Error, Public};
use tokio::time::Instant;

/// What is waited for, and until when.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wait {
    pub(super) until: Instant,
    phase: &'static str,
}

/// The phase of a prompt whose own time is over: that is not the node's fault.
const TOTAL: &str = "total";

impl Wait {
    /// Waits for a phase, but not longer than the prompt has time.
    pub(super) fn new(phase: &'static str, until: Instant, total: Option<Instant>) -> Self {
        match total {
            Some(total) if total <= until => Self { until: total, phase: TOTAL },
            _ => Self { until, phase },
        }
    }

    pub(super) fn is_total(&self) -> bool {
        self.phase == TOTAL
    }

    pub(super) fn error(&self) -> Error {
        Error::new(Code::Timeout, "the node was silent for too long")
            .with_operation("mesh::deadline")
            .with_context("phase", Public(self.phase))
    }
}
