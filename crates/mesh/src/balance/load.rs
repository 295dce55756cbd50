//! What is known of one node: how fast, how busy, whether to leave it out.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use maily_errors::{Code, Error};
use parking_lot::Mutex;
use tokio::time::Instant;

/// How long a peak is remembered.
const DECAY: Duration = Duration::from_secs(10);
/// What a node that was never asked is expected to take.
const UNKNOWN: Duration = Duration::from_millis(30);
/// What a failure counts as.
const PENALTY: Duration = Duration::from_secs(5);
const LEAST_OUT: Duration = Duration::from_secs(1);
const MOST_OUT: Duration = Duration::from_secs(30);
const MOST_RETRY_AFTER: Duration = Duration::from_secs(300);

#[derive(Debug)]
pub(super) struct Load {
    inflight: AtomicU32,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    expected: f64,
    seen_at: Instant,
    failures: u32,
    out: Option<Out>,
}

/// Why and until when a node is left out.
#[derive(Clone, Copy, Debug)]
pub(super) struct Out {
    pub(super) until: Instant,
    /// It asked for it, so it is not even tried when nobody else is left.
    pub(super) asked: bool,
}

impl Load {
    pub(super) fn new() -> Self {
        let state =
            State { expected: UNKNOWN.as_secs_f64(), seen_at: Instant::now(), failures: 0, out: None };
        Self { inflight: AtomicU32::new(0), state: Mutex::new(state) }
    }

    pub(super) fn begin(&self) {
        self.inflight.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn end(&self) {
        self.inflight.fetch_sub(1, Ordering::Relaxed);
    }

    pub(super) fn inflight(&self) -> u32 {
        self.inflight.load(Ordering::Relaxed)
    }

    /// The expected time to the first byte, in seconds.
    pub(super) fn expected(&self, now: Instant) -> f64 {
        self.state.lock().decayed(now)
    }

    pub(super) fn cost(&self, now: Instant) -> f64 {
        // A millisecond keeps nodes apart whose memory has faded to nothing.
        (self.expected(now) + 1e-3) * f64::from(self.inflight() + 1)
    }

    pub(super) fn out(&self, now: Instant) -> Option<Out> {
        self.state.lock().out.filter(|out| out.until > now)
    }

    pub(super) fn answered(&self, took: Duration, now: Instant) {
        let mut state = self.state.lock();
        state.observe(took, now);
        state.failures = 0;
        state.out = None;
    }

    /// The caller left before the first byte: it would have taken at least so long.
    pub(super) fn abandoned(&self, waited: Duration, now: Instant) {
        let mut state = self.state.lock();
        if waited.as_secs_f64() > state.decayed(now) {
            state.observe(waited, now);
        }
    }

    pub(super) fn failed(&self, err: &Error, now: Instant) {
        let mut state = self.state.lock();
        match err.code() {
            Code::NodeUnreachable => {
                let doubled = LEAST_OUT * 2_u32.pow(state.failures.min(5));
                state.failures = state.failures.saturating_add(1);
                state.out = Some(Out { until: now + doubled.min(MOST_OUT), asked: false });
            }
            Code::NodeThrottled => {
                let asked = err.retry_after().unwrap_or(LEAST_OUT).min(MOST_RETRY_AFTER);
                state.out = Some(Out { until: now + asked, asked: true });
            }
            // It will refuse the next prompt as well, until somebody changes the key.
            Code::NodeKeyRefused => state.out = Some(Out { until: now + MOST_OUT, asked: false }),
            Code::AnswerIncomplete
            | Code::NodeFailed
            | Code::StreamCut
            | Code::StreamMalformed
            | Code::Timeout => {
                state.observe(PENALTY, now);
            }
            // The prompt was wrong, not the node.
            _ => {}
        }
    }
}

impl State {
    fn decayed(&self, now: Instant) -> f64 {
        let age = now.saturating_duration_since(self.seen_at).as_secs_f64();
        self.expected * (-age / DECAY.as_secs_f64()).exp()
    }

    /// A peak counts at once; a faster answer counts by how old the expectation is.
    fn observe(&mut self, took: Duration, now: Instant) {
        let took = took.as_secs_f64();
        self.expected = if took >= self.expected {
            took
        } else {
            let age = now.saturating_duration_since(self.seen_at).as_secs_f64();
            let keep = (-age / DECAY.as_secs_f64()).exp();
            self.expected * keep + took * (1.0 - keep)
        };
        self.seen_at = now;
    }
}
