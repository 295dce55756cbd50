use std::time::Duration;

/// Calls of the last while, in ten slices of time. O(1) to count a call, O(10) to ask for the share.
#[derive(Debug, Default)]
pub(super) struct Window {
    slices: [Slice; SLICES],
}

#[derive(Clone, Copy, Debug, Default)]
struct Slice {
    number: u64,
    calls: u32,
    failures: u32,
}

impl Window {
    /// Counts a call at a time since some start.
    pub(super) fn count(&mut self, at: Duration, window: Duration, failed: bool) {
        let number = number(at, window);
        let slice = &mut self.slices[(number % SLICES as u64) as usize];
        if slice.number != number {
            *slice = Slice { number, ..Slice::default() };
        }
        slice.calls += 1;
        slice.failures += u32::from(failed);
    }

    /// Returns the calls and the failures of the window that ends now.
    pub(super) fn sum(&self, at: Duration, window: Duration) -> (u32, u32) {
        let now = number(at, window);
        let recent = self.slices.iter().filter(|slice| slice.number + SLICES as u64 > now);
        recent.fold((0, 0), |(calls, failures), slice| (calls + slice.calls, failures + slice.failures))
    }
}

fn number(at: Duration, window: Duration) -> u64 {
    let slice = (window / SLICES as u32).max(Duration::from_nanos(1));
    u64::try_from(at.as_nanos() / slice.as_nanos()).unwrap_or(u64::MAX - SLICES as u64)
}

const SLICES: usize = 10;
