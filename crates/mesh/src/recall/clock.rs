//! What time it is.

use std::time::{SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

/// The time since 1970 as the system said it at the start, going on with the clock of the runtime.
///
/// So a system clock that is set while the process runs ends no memory early, and tests can let time pass.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    start_us: u64,
    since: Instant,
}

impl Clock {
    pub(super) fn new() -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { start_us: u64::try_from(now.as_micros()).unwrap_or(u64::MAX), since: Instant::now() }
    }

    pub(super) fn now_us(self) -> u64 {
        let passed = u64::try_from(self.since.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.start_us.saturating_add(passed)
    }

    pub(super) fn now_ms(self) -> u64 {
        self.now_us() / 1000
    }
}
