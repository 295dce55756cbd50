//! What is known of one node: how fast, how busy, whether to leave it out.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use maily_errors::{Code, Error};
use parking_lot::Mutex;
use tokio::time::Instant;

use super::ring::{GOLDEN, mixed};

/// The time of a fleet, and how many prompts it had: what was seen of a node ages by both.
#[derive(Debug)]
pub(super) struct Clock {
    start: Instant,
    picks: AtomicU64,
    seed: u64,
    typical: AtomicU64,
}

/// A point on a [`Clock`].
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    /// Nanoseconds since the start of the fleet, and one.
    nanos: u64,
    picks: u64,
}

impl Clock {
    pub(super) fn new(seed: u64) -> Self {
        let typical = AtomicU64::new(UNKNOWN.as_secs_f64().to_bits());
        Self { start: Instant::now(), picks: AtomicU64::new(0), seed, typical }
    }

    pub(super) fn now(&self) -> Moment {
        self.at(self.picks.load(Ordering::Relaxed))
    }

    /// Counts one prompt, and returns random bits for it.
    pub(super) fn pick(&self) -> (Moment, u64) {
        let picks = self.picks.fetch_add(1, Ordering::Relaxed);
        (self.at(picks), mixed(self.seed.wrapping_add(picks.wrapping_mul(GOLDEN))))
    }

    /// What a node of this fleet usually takes to the first byte, in seconds.
    fn typical(&self) -> f64 {
        f64::from_bits(self.typical.load(Ordering::Relaxed))
    }

    /// One thread may overwrite what another has just learned: it is a rough figure either way.
    fn learn(&self, took: f64) {
        let known = self.typical();
        // What was assumed gives way to the first thing that is known.
        let share = if known.to_bits() == UNKNOWN.as_secs_f64().to_bits() { 1.0 } else { 0.05 };
        self.typical.store((known + (took - known) * share).to_bits(), Ordering::Relaxed);
    }

    fn at(&self, picks: u64) -> Moment {
        let nanos = self.start.elapsed().as_nanos();
        Moment { nanos: u64::try_from(nanos).unwrap_or(u64::MAX - 1) + 1, picks }
    }
}

impl Moment {
    /// Nanoseconds since the start of the fleet, and one.
    pub(super) const fn nanos(self) -> u64 {
        self.nanos
    }

    fn after(self, wait: Duration) -> u64 {
        self.nanos.saturating_add(u64::try_from(wait.as_nanos()).unwrap_or(u64::MAX))
    }

    const fn until(self, nanos: u64) -> Duration {
        Duration::from_nanos(nanos.saturating_sub(self.nanos))
    }

    /// Whether a point of the clock is so near; zero never is.
    fn is_within(self, time: Duration, nanos: u64) -> bool {
        nanos != 0 && u128::from(self.nanos.saturating_sub(nanos)) < time.as_nanos()
    }

    /// Seconds since a point of the clock.
    const fn since(self, nanos: u64) -> f64 {
        self.nanos.saturating_sub(nanos) as f64 / 1e9
    }
}

/// Read without a lock by whoever chooses, written by whoever was answered.
#[derive(Debug)]
pub(super) struct Load {
    inflight: AtomicU32,
    /// Those of them whose first byte has not come.
    waiting: AtomicU32,
    prompts: AtomicU64,
    failures: AtomicU64,
    draining: AtomicBool,
    /// Whether an instance at which it registered says that it drains.
    drained_elsewhere: AtomicBool,
    /// Seconds, as the bits of a float; of no meaning before `seen_nanos`.
    expected: AtomicU64,
    /// When the first byte was seen last; zero: never.
    seen_nanos: AtomicU64,
    /// When it was asked last.
    asked_nanos: AtomicU64,
    asked_picks: AtomicU64,
    /// Zero: not left out. The lowest bit says whether the node asked for it.
    out: AtomicU64,
    /// When it answered last and has not failed since; zero: never.
    well_nanos: AtomicU64,
    /// What other instances have there.
    peers_inflight: AtomicU32,
    /// How long the one that remembers it slowest expects it to take, in seconds, as the bits of a float.
    peers_expected: AtomicU64,
    /// Whether one of them says that it fails.
    suspected: AtomicBool,
    /// Held while the above is written; how often in a row the node could not be reached.
    unreachable: Mutex<u32>,
}

/// Why and how long a node is left out.
#[derive(Clone, Copy, Debug)]
pub(super) struct Out {
    pub(super) wait: Duration,
    /// It asked for it, so it is not even tried when nobody else is left.
    pub(super) asked: bool,
}

/// What other instances together say of a node.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Heard {
    pub(crate) inflight: u32,
    /// The longest of the times that they expect.
    pub(crate) expected_ms: f32,
    pub(crate) failing: bool,
}

impl Load {
    pub(super) const fn new() -> Self {
        Self {
            inflight: AtomicU32::new(0),
            waiting: AtomicU32::new(0),
            prompts: AtomicU64::new(0),
            failures: AtomicU64::new(0),
            draining: AtomicBool::new(false),
            drained_elsewhere: AtomicBool::new(false),
            expected: AtomicU64::new(0),
            seen_nanos: AtomicU64::new(0),
            asked_nanos: AtomicU64::new(0),
            asked_picks: AtomicU64::new(0),
            out: AtomicU64::new(0),
            well_nanos: AtomicU64::new(0),
            peers_inflight: AtomicU32::new(0),
            peers_expected: AtomicU64::new(0),
            suspected: AtomicBool::new(false),
            unreachable: Mutex::new(0),
        }
    }

    pub(super) fn begin(&self, now: Moment) {
        // A node that is tried because its peak has faded counts as slow again until it answers: one prompt tells.
        self.asked_nanos.store(now.nanos, Ordering::Relaxed);
        self.asked_picks.store(now.picks, Ordering::Relaxed);
        self.inflight.fetch_add(1, Ordering::Relaxed);
        self.waiting.fetch_add(1, Ordering::Relaxed);
        self.prompts.fetch_add(1, Ordering::Relaxed);
    }

    /// The prompt waits no more: its first byte came, or never will.
    pub(super) fn begun(&self) {
        self.waiting.fetch_sub(1, Ordering::Relaxed);
    }

    pub(super) fn end(&self) {
        self.inflight.fetch_sub(1, Ordering::Relaxed);
    }

    /// How many prompts a new one waits for. One that is being answered is a small part of one that is being read.
    ///
    /// Those of other instances do not count: when they are heard of, other ones wait there.
    pub(super) fn ahead(&self) -> f64 {
        let waiting = self.waiting();
        let answering = self.inflight().saturating_sub(waiting);
        f64::from(waiting) + f64::from(answering) * ANSWERING
    }

    /// The prompts of this instance that it has now.
    pub(super) fn inflight(&self) -> u32 {
        self.inflight.load(Ordering::Relaxed)
    }

    /// Those of them whose first byte has not come.
    pub(super) fn waiting(&self) -> u32 {
        self.waiting.load(Ordering::Relaxed)
    }

    /// The prompts of other instances that it has, as far as they said.
    pub(super) fn peers_inflight(&self) -> u32 {
        self.peers_inflight.load(Ordering::Relaxed)
    }

    /// The prompts of all instances that it has.
    pub(super) fn all_inflight(&self) -> u32 {
        self.inflight().saturating_add(self.peers_inflight())
    }

    /// Takes in what other instances say together.
    pub(super) fn hear(&self, heard: Heard) {
        self.peers_inflight.store(heard.inflight, Ordering::Relaxed);
        let expected = f64::from(heard.expected_ms) / 1000.0;
        self.peers_expected.store(expected.to_bits(), Ordering::Relaxed);
        self.suspected.store(heard.failing, Ordering::Relaxed);
    }

    /// Whether to rather ask another node, because others say that this one fails, and nothing is known better.
    ///
    /// Own eyes outrank hearsay: an answer since the last failure clears it for five seconds. And it is asked once a
    /// second all the same, so what others say is found out, true or not.
    pub(super) fn is_suspect(&self, now: Moment) -> bool {
        self.suspected.load(Ordering::Relaxed)
            && !now.is_within(TRUST, self.well_nanos.load(Ordering::Relaxed))
            && now.is_within(TRIAL, self.asked_nanos.load(Ordering::Relaxed))
    }

    /// The prompts that were sent, and those that the node failed.
    pub(super) fn counts(&self) -> (u64, u64) {
        (self.prompts.load(Ordering::Relaxed), self.failures.load(Ordering::Relaxed))
    }

    /// The node is tried again: a key or an address may be mended.
    pub(super) fn end_pause(&self) {
        let mut unreachable = self.unreachable.lock();
        *unreachable = 0;
        self.out.store(0, Ordering::Relaxed);
    }

    /// Who takes a node back here does so whatever was said elsewhere.
    pub(super) fn set_draining(&self, draining: bool) {
        self.draining.store(draining, Ordering::Relaxed);
        if !draining {
            self.set_drained_elsewhere(false);
        }
    }

    pub(super) fn set_drained_elsewhere(&self, drained: bool) {
        self.drained_elsewhere.store(drained, Ordering::Relaxed);
    }

    /// Whether it was said here that the node drains.
    pub(super) fn is_drained_here(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    pub(super) fn is_draining(&self) -> bool {
        self.is_drained_here() || self.drained_elsewhere.load(Ordering::Relaxed)
    }

    /// The expected time to the first byte, in seconds.
    ///
    /// A peak that was seen here does not fade while another instance remembers one, so that one of them tries a slow
    /// node and not each. It never gets higher than it was seen here, and fades after ten minutes all the same.
    pub(super) fn expected(&self, clock: &Clock, now: Moment) -> f64 {
        let own = self.remembered(clock, now);
        if now.since(self.asked_nanos.load(Ordering::Relaxed)) > HELD {
            return own;
        }
        let theirs = f64::from_bits(self.peers_expected.load(Ordering::Relaxed));
        own.max(theirs.min(f64::from_bits(self.expected.load(Ordering::Relaxed))))
    }

    /// What this instance alone expects. A node that was never asked is thought faster than most.
    pub(super) fn remembered(&self, clock: &Clock, now: Moment) -> f64 {
        if self.seen_nanos.load(Ordering::Relaxed) == 0 {
            // Half of that, so that it is asked before one that is known to be usual.
            return clock.typical() / 2.0;
        }
        let age = now.since(self.asked_nanos.load(Ordering::Relaxed));
        let picks = now.picks.saturating_sub(self.asked_picks.load(Ordering::Relaxed)) as f64;
        // Both, because ten seconds are a thousand prompts of one fleet, and three of another one.
        let faded = (age / DECAY).min(picks / DECAY_PICKS).max(age / MOST_DECAY);
        f64::from_bits(self.expected.load(Ordering::Relaxed)) * (-faded).exp()
    }

    /// How long the node is left out, if it is.
    pub(super) fn out(&self, now: Moment) -> Option<Out> {
        let out = self.out.load(Ordering::Relaxed);
        (out > now.nanos).then(|| Out { wait: now.until(out), asked: out & 1 == 1 })
    }

    /// The first byte came.
    pub(super) fn answered(&self, took: Duration, clock: &Clock, now: Moment) {
        let took = took.as_secs_f64();
        clock.learn(took);
        let mut unreachable = self.unreachable.lock();
        *unreachable = 0;
        self.observe(took, now);
        self.well_nanos.store(now.nanos, Ordering::Relaxed);
        // An answer that was under way does not take back what the node asked for.
        if self.out.load(Ordering::Relaxed) & 1 == 0 {
            self.out.store(0, Ordering::Relaxed);
        }
    }

    /// The caller left before the first byte: it would have taken at least so long.
    pub(super) fn abandoned(&self, waited: Duration, clock: &Clock, now: Moment) {
        let _writing = self.unreachable.lock();
        if waited.as_secs_f64() > self.expected(clock, now) {
            self.observe(waited.as_secs_f64(), now);
        }
    }

    pub(super) fn failed(&self, err: &Error, now: Moment) {
        let mut unreachable = self.unreachable.lock();
        match (err.code(), err.retry_after()) {
            // With a pause that the node names, every refusal is a plea to slow down.
            (Code::NodeThrottled, asked) => self.leave(asked.unwrap_or(LEAST_OUT), true, now),
            (Code::NodeFailed, Some(asked)) => self.leave(asked, true, now),
            (Code::NodeUnreachable, _) => {
                let doubled = LEAST_OUT * 2_u32.pow((*unreachable).min(5));
                *unreachable = unreachable.saturating_add(1);
                self.leave(doubled.min(MOST_OUT), false, now);
            }
            // It will refuse the next prompt as well, until somebody changes the key.
            (Code::NodeKeyRefused, _) => self.leave(MOST_OUT, false, now),
            (
                Code::AnswerIncomplete
                | Code::NodeFailed
                | Code::StreamCut
                | Code::StreamMalformed
                | Code::Timeout,
                _,
            ) => self.observe(PENALTY.as_secs_f64(), now),
            // The prompt was wrong, not the node.
            _ => return,
        }
        self.well_nanos.store(0, Ordering::Relaxed);
        self.failures.fetch_add(1, Ordering::Relaxed);
    }

    fn leave(&self, wait: Duration, asked: bool, now: Moment) {
        self.out.store(now.after(wait.min(MOST_RETRY_AFTER)) & !1 | u64::from(asked), Ordering::Relaxed);
    }

    /// A peak counts at once; a faster answer counts by how old the expectation is.
    fn observe(&self, took: f64, now: Moment) {
        let known = f64::from_bits(self.expected.load(Ordering::Relaxed));
        let seen = self.seen_nanos.load(Ordering::Relaxed);
        let expected = if seen == 0 || took >= known {
            took
        } else {
            let keep = (-now.since(seen) / DECAY).exp();
            known * keep + took * (1.0 - keep)
        };
        self.expected.store(expected.to_bits(), Ordering::Relaxed);
        self.seen_nanos.store(now.nanos, Ordering::Relaxed);
    }
}

/// What a prompt that is being answered counts for, beside one that waits for its first byte: a node that reads one
/// prompt at a time writes many answers at once.
const ANSWERING: f64 = 0.125;
/// How long a peak is remembered, in seconds.
const DECAY: f64 = 10.0;
/// The prompts of the fleet after which a peak has faded as much: a node that was slow is tried with few of them.
const DECAY_PICKS: f64 = 400.0;
/// How long a peak is remembered by a fleet that is hardly asked, in seconds.
const MOST_DECAY: f64 = 120.0;
/// For how long after it was asked here others may keep a peak from fading, in seconds.
const HELD: f64 = 600.0;
/// What a node is expected to take before any of the fleet was asked.
const UNKNOWN: Duration = Duration::from_millis(30);
/// For how long an answer outweighs what others say of the node.
const TRUST: Duration = Duration::from_secs(5);
/// How often a node is asked that others say fails.
const TRIAL: Duration = Duration::from_secs(1);
/// What a failure counts as.
const PENALTY: Duration = Duration::from_secs(5);
const LEAST_OUT: Duration = Duration::from_secs(1);
const MOST_OUT: Duration = Duration::from_secs(30);
/// A wrong clock, or a wrong word, takes no node away for longer.
const MOST_RETRY_AFTER: Duration = Duration::from_secs(3600);
