use maily_errors::{Code, Error, Public};
use tokio::time::Instant;

/// What is waited for, and until when.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wait {
    pub(super) until: Instant,
    phase: &'static str,
}

impl Wait {
    /// Waits for a phase, but not longer than the prompt has time.
    pub(super) fn new(phase: &'static str, until: Instant, total: Option<Instant>) -> Self {
        match total {
            Some(total) if total <= until => Self { until: total, phase: "total" },
            _ => Self { until, phase },
        }
    }

    pub(super) fn error(&self) -> Error {
        Error::new(Code::Timeout, "the node was silent for too long")
            .with_operation("mesh::deadline")
            .with_context("phase", Public(self.phase))
    }
}
