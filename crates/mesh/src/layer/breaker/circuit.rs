use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use maily_errors::{Code, Error, Kind, Result};
use parking_lot::Mutex;
use serde::Serialize;
use tokio::time::Instant;

use super::Rules;
use super::window::Window;

/// Whether calls pass.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[non_exhaustive]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// All calls pass.
    Closed,
    /// A few calls pass, to see whether the node is well again.
    HalfOpen,
    /// No call passes.
    Open,
}

/// What is known of one node. Clones are the same circuit.
///
/// As long as it is closed, asking costs one load of an atomic.
#[derive(Clone, Debug)]
pub struct Circuit {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    rules: Rules,
    start: Instant,
    /// Nanoseconds since the start until which it is open; zero when it is closed.
    open_until: AtomicU64,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    window: Window,
    /// How often it has opened since it was closed.
    opened: u32,
    /// Which opening a probe belongs to; one of an earlier opening says nothing any more.
    epoch: u64,
    probing: u32,
    passed: u32,
}

impl Circuit {
    /// Creates a closed circuit.
    #[must_use]
    pub fn new(rules: Rules) -> Self {
        let (open_until, inner) = (AtomicU64::new(0), Mutex::default());
        Self { shared: Arc::new(Shared { rules, start: Instant::now(), open_until, inner }) }
    }

    /// Returns the state.
    #[must_use]
    pub fn state(&self, now: Instant) -> State {
        match self.shared.open_until.load(Ordering::Relaxed) {
            0 => State::Closed,
            until if self.nanos(now) < until => State::Open,
            _ => State::HalfOpen,
        }
    }

    /// Returns whether a call would pass now. Does not look at the clock while it is closed.
    #[must_use]
    #[inline]
    pub fn is_passable(&self) -> bool {
        self.shared.open_until.load(Ordering::Relaxed) == 0 || self.has_probe(Instant::now())
    }

    /// Returns how long it stays open; zero when it is not.
    #[must_use]
    pub fn wait(&self, now: Instant) -> Duration {
        let until = self.shared.open_until.load(Ordering::Relaxed);
        Duration::from_nanos(until.saturating_sub(self.nanos(now)))
    }

    /// Lets a call pass.
    ///
    /// # Errors
    ///
    /// [`Code::BreakerOpen`] with the time after which one may pass.
    pub fn admit(&self, now: Instant) -> Result<Call> {
        if self.shared.open_until.load(Ordering::Relaxed) == 0 || self.has_probe(now) {
            return Ok(self.force());
        }
        // While it is half open somebody probes, and will know soon.
        let wait = self.wait(now).max(PROBING);
        Err(Error::new(Code::BreakerOpen, "the node failed too often and is left alone")
            .with_operation("mesh::breaker")
            .with_retry_after(wait))
    }

    /// Lets a call pass whatever the state is, for want of another node.
    ///
    /// It counts as a probe unless the circuit is closed.
    #[must_use]
    pub fn force(&self) -> Call {
        let probe = (self.shared.open_until.load(Ordering::Relaxed) != 0).then(|| {
            let mut inner = self.shared.inner.lock();
            inner.probing += 1;
            inner.epoch
        });
        Call { circuit: self.clone(), probe, begun: false, ended: false }
    }

    fn has_probe(&self, now: Instant) -> bool {
        self.state(now) == State::HalfOpen && self.shared.inner.lock().probing < self.shared.rules.probes
    }

    fn succeeded(&self, probe: Option<u64>) {
        let Shared { rules, open_until, .. } = &*self.shared;
        let mut inner = self.shared.inner.lock();
        match probe {
            None => inner.window.count(self.at(Instant::now()), rules.window, false),
            Some(epoch) if epoch == inner.epoch => {
                inner.passed += 1;
                if inner.passed >= rules.probes {
                    *inner = Inner { epoch: inner.epoch + 1, ..Inner::default() };
                    open_until.store(0, Ordering::Relaxed);
                    tracing::info!("breaker closed");
                }
            }
            Some(_) => {}
        }
    }

    fn failed(&self, probe: Option<u64>) {
        let Shared { rules, open_until, .. } = &*self.shared;
        let mut inner = self.shared.inner.lock();
        let at = self.at(Instant::now());
        let opens = match probe {
            None => {
                inner.window.count(at, rules.window, true);
                let (calls, failures) = inner.window.sum(at, rules.window);
                let share = f64::from(failures) / f64::from(calls);
                // What began before it opened has been counted for that opening.
                let closed = open_until.load(Ordering::Relaxed) == 0;
                closed && calls >= rules.min_calls && share >= rules.failure_share
            }
            Some(epoch) => epoch == inner.epoch,
        };
        if opens {
            let doubled = rules.open.saturating_mul(2_u32.saturating_pow(inner.opened)).min(rules.max_open);
            let jitter = 1.0 + rules.jitter.clamp(0.0, 1.0) * (2.0 * rand::random::<f64>() - 1.0);
            let opened = inner.opened.saturating_add(1);
            *inner = Inner { opened, epoch: inner.epoch + 1, ..Inner::default() };
            let until = at.saturating_add(doubled.mul_f64(jitter)).as_nanos();
            open_until.store(u64::try_from(until).unwrap_or(u64::MAX).max(1), Ordering::Relaxed);
            tracing::warn!(times = opened, "breaker opened");
        }
    }

    /// A probe came back, with whatever result.
    fn returned(&self, epoch: u64) {
        let mut inner = self.shared.inner.lock();
        if epoch == inner.epoch {
            inner.probing = inner.probing.saturating_sub(1);
        }
    }

    fn at(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.shared.start)
    }

    fn nanos(&self, now: Instant) -> u64 {
        u64::try_from(self.at(now).as_nanos()).unwrap_or(u64::MAX)
    }
}

/// A call that passed. Dropping it before its end says nothing about the node.
#[derive(Debug)]
pub struct Call {
    circuit: Circuit,
    probe: Option<u64>,
    begun: bool,
    ended: bool,
}

impl Call {
    /// The first byte of the answer came. For a probe that is enough: streams are long.
    #[inline]
    pub fn begun(&mut self) {
        if !std::mem::replace(&mut self.begun, true) && self.probe.is_some() {
            self.settle(None);
        }
    }

    /// The answer ended, cleanly or with an error.
    #[inline]
    pub fn end(&mut self, error: Option<&Error>) {
        self.settle(error);
    }

    /// The caller had waited for so long that it left, which is as bad as an error.
    pub fn left_in_vain(&mut self) {
        if !std::mem::replace(&mut self.ended, true) {
            self.circuit.failed(self.probe);
        }
    }

    fn settle(&mut self, error: Option<&Error>) {
        if std::mem::replace(&mut self.ended, true) {
            return;
        }
        match error {
            Some(err) if is_failure(err) => self.circuit.failed(self.probe),
            // Neither for nor against the node; a client that sends nonsense cannot open it, and cannot close it.
            Some(_) => {}
            None => self.circuit.succeeded(self.probe),
        }
        self.give_back();
    }

    fn give_back(&mut self) {
        if let Some(epoch) = self.probe.take() {
            self.circuit.returned(epoch);
        }
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        self.give_back();
    }
}

/// Whether an error says that the node is not well.
fn is_failure(err: &Error) -> bool {
    let kind =
        matches!(err.code().kind(), Kind::Corrupt | Kind::Timeout | Kind::Unavailable | Kind::Unexpected);
    // Who names a pause is busy, not broken.
    kind && err.retry_after().is_none()
}

/// How long to wait while others probe.
const PROBING: Duration = Duration::from_millis(100);
