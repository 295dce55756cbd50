use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// Bounds the retries of all prompts together.
///
/// Each prompt pays in a fifth of a retry, so that a fleet which fails entirely sees at most 1.2
/// times the prompts. The account begins with ten retries and holds at most a hundred.
///
/// Source: Finagle's `RetryBudget`, without its clock.
#[derive(Clone, Debug)]
pub struct Budget {
    fifths: Arc<AtomicU32>,
}

const RETRY: u32 = 5;

impl Budget {
    /// The retries that are allowed before anything was paid in.
    pub const RESERVE: u32 = 10;
    /// The most retries that can be saved up.
    pub const MAX: u32 = 100;

    pub(super) fn pay_in(&self) {
        self.change(|fifths| Some((fifths + 1).min(Self::MAX * RETRY)));
    }

    /// Takes out one retry; false means that the budget is spent.
    pub(super) fn take(&self) -> bool {
        self.change(|fifths| fifths.checked_sub(RETRY))
    }

    fn change(&self, change: impl Fn(u32) -> Option<u32>) -> bool {
        self.fifths.fetch_update(Ordering::Relaxed, Ordering::Relaxed, change).is_ok()
    }
}

impl Default for Budget {
    fn default() -> Self {
        Self { fifths: Arc::new(AtomicU32::new(Self::RESERVE * RETRY)) }
    }
}
