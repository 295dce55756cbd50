//! What time it is.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

/// The time since 1970 as the system said it at the start, going on with the clock of the runtime.
///
/// So a system clock that is set while the process runs ends nothing early, and tests can let time pass.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    start_us: u64,
    since: Instant,
}

impl Clock {
    /// Creates a clock that begins with the time of the system.
    #[must_use]
    pub fn new() -> Self {
        Self::starting_at(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default())
    }

    /// Creates a clock that begins with a time since 1970: one that is wrong, or the same in every test.
    #[must_use]
    pub fn starting_at(since_1970: Duration) -> Self {
        Self { start_us: u64::try_from(since_1970.as_micros()).unwrap_or(u64::MAX), since: Instant::now() }
    }

    /// Returns the time since 1970.
    #[must_use]
    pub fn now(self) -> Duration {
        Duration::from_micros(self.now_us())
    }

    pub(crate) fn now_us(self) -> u64 {
        let passed = u64::try_from(self.since.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.start_us.saturating_add(passed)
    }

    pub(crate) fn now_ms(self) -> u64 {
        self.now_us() / 1000
    }
}

impl Default for Clock {
    fn default() -> Self {
        Self::new()
    }
}
