//! Waiting for a reply without sleep.

use std::pin::pin;
use std::task::Context;
use std::thread;
// Not tokio's clock, which stands still in a test while a task stays awake.
use std::time::{Duration, Instant};

use tokio::task::yield_now;

/// Decides whether a connection stays awake until its next bytes come.
///
/// A thread that sleeps, and a core that has halted, run again tens of microseconds after the bytes are there. A server
/// nearby answers in that time, so client and server would spend it waking each other. While the last bytes
/// came within the limit, the task asks the system again and again, in turn with every other task that is ready; when
/// they take longer it sleeps, so a server that is far away, or slow, costs one limit at most and then nothing.
///
/// What it waits for may wait for its core: a server on this machine that was woken behind it runs only when it ends.
/// So after a reply's usual time it gives the core away in each turn, which costs nothing when nobody wants it.
///
/// Beside many commands it sleeps: a task that is always ready keeps its worker from the tasks of another one that has
/// lost its core.
///
/// Source: the idea of the Linux governor `haltpoll`, which looks at the last wait to choose for the next.
pub(super) struct Vigil {
    limit: Duration,
    /// When the last commands were written or the last bytes came.
    since: Instant,
    /// Whether the last bytes came within the limit.
    soon: bool,
}

impl Vigil {
    pub(super) fn new(limit: Duration) -> Self {
        Self { limit, since: Instant::now(), soon: false }
    }

    /// Notes that commands were written.
    #[inline]
    pub(super) fn asked(&mut self) {
        if !self.limit.is_zero() {
            self.since = Instant::now();
        }
    }

    /// Notes that bytes came.
    #[inline]
    pub(super) fn heard(&mut self) {
        if !self.limit.is_zero() {
            let now = Instant::now();
            self.soon = now - self.since < self.limit;
            self.since = now;
        }
    }

    /// Has the task polled again behind every other one that is ready, if it is not time to sleep; returns whether.
    /// So many commands wait for replies.
    #[inline]
    pub(super) fn keep(&self, cx: &mut Context<'_>, waiting: usize) -> bool {
        if !self.soon || waiting > MANY {
            return false;
        }
        let waited = self.since.elapsed();
        if waited >= self.limit {
            return false;
        }
        if waited >= USUAL {
            thread::yield_now();
        }
        // Polled once, it asks the runtime for the next turn, which comes after a look at the sockets.
        pin!(yield_now()).poll(cx).is_pending()
    }
}

/// A server that has a core to itself has mostly answered by then.
const USUAL: Duration = Duration::from_micros(20);
/// Commands that keep both sides busy without a wait.
pub(super) const MANY: usize = 128;

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    /// Asks as a task does, and returns whether it stayed awake.
    async fn keeps(vigil: &Vigil) -> bool {
        keeps_beside(vigil, 1).await
    }

    async fn keeps_beside(vigil: &Vigil, waiting: usize) -> bool {
        std::future::poll_fn(|cx| std::task::Poll::Ready(vigil.keep(cx, waiting))).await
    }

    #[tokio::test]
    async fn connection_stays_awake_only_after_a_reply_that_came_soon() {
        let mut vigil = Vigil::new(LONG);
        assert!(!keeps(&vigil).await, "nothing is known yet");

        vigil.asked();
        vigil.heard();
        assert!(keeps(&vigil).await);

        vigil.since -= LONG;
        assert!(!keeps(&vigil).await, "it takes longer this time");

        vigil.heard();
        vigil.asked();
        assert!(!keeps(&vigil).await, "the last reply came late");
    }

    #[tokio::test]
    async fn connection_sleeps_beside_many_commands() {
        let mut vigil = Vigil::new(LONG);
        vigil.asked();
        vigil.heard();
        assert!(keeps_beside(&vigil, 128).await);
        assert!(!keeps_beside(&vigil, 129).await);
    }

    #[tokio::test]
    async fn connection_without_a_limit_always_sleeps() {
        let mut vigil = Vigil::new(Duration::ZERO);
        vigil.asked();
        vigil.heard();
        assert!(!keeps(&vigil).await);
    }
}
