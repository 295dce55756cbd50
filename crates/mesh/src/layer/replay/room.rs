use std::collections::BTreeMap;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

/// How much this instance keeps where others find it, and whether it tries to.
#[derive(Debug)]
pub(super) struct Room {
    total_bytes: usize,
    began: Instant,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    held: usize,
    /// How much goes in each second since the beginning.
    going: BTreeMap<u64, usize>,
    /// Until when nothing is written, after a failure.
    away: Option<Instant>,
}

impl Room {
    pub(super) fn new(total_bytes: usize) -> Self {
        Self { total_bytes, began: Instant::now(), state: Mutex::default() }
    }

    /// Takes room for a page that is kept so long; returns whether there was any.
    pub(super) fn take(&self, bytes: usize, keep: Duration) -> bool {
        let (now, bytes) = (Instant::now(), bytes + PAGE_BYTES);
        let mut state = self.state.lock();
        if state.away.is_some_and(|until| now < until) {
            return false;
        }
        let second = now.duration_since(self.began).as_secs();
        let still = state.going.split_off(&second);
        let gone = std::mem::replace(&mut state.going, still);
        state.held -= gone.values().sum::<usize>();
        if state.held + bytes > self.total_bytes {
            return false;
        }
        state.held += bytes;
        *state.going.entry(second + keep.as_secs() + 1).or_default() += bytes;
        true
    }

    /// Notes that a page could not be written; returns whether that is news.
    pub(super) fn fail(&self) -> bool {
        let now = Instant::now();
        self.state.lock().away.replace(now + PAUSE).is_none_or(|until| until + PAUSE < now)
    }
}

/// What a page costs beside its bytes, on a server.
const PAGE_BYTES: usize = 128;
/// How long nothing is written after a failure: each stream would wait for it.
const PAUSE: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    #[tokio::test(start_paused = true)]
    async fn room_ends_at_its_limit_and_comes_back_with_time() {
        let room = Room::new(2 * (1_000 + PAGE_BYTES));

        assert!(room.take(1_000, MINUTE));
        assert!(room.take(1_000, 2 * MINUTE));
        assert!(!room.take(0, MINUTE));
        tokio::time::advance(MINUTE).await;
        assert!(!room.take(1_000, MINUTE), "the page is still there");
        tokio::time::advance(Duration::from_secs(2)).await;

        assert!(room.take(1_000, MINUTE));
        assert!(!room.take(0, MINUTE));
    }

    #[tokio::test(start_paused = true)]
    async fn failure_is_said_once_and_pauses_for_a_second() {
        let room = Room::new(1_000_000);

        assert!(room.fail());
        assert!(!room.fail());
        assert!(!room.take(1, MINUTE));
        tokio::time::advance(PAUSE).await;

        assert!(room.take(1, MINUTE));
        assert!(!room.fail(), "it is still away");
        tokio::time::advance(3 * PAUSE).await;
        assert!(room.fail());
    }
}
