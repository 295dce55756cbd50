use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use maily_errors::{Code, Error, Public, Result};
use parking_lot::Mutex;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::Rules;
use super::limit::Limit;
use crate::model::Priority;

/// Who may be under way, and who waits. Clones are the same gate.
#[derive(Clone, Debug)]
pub(super) struct Gate {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    rules: Rules,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    inflight: u32,
    limit: Option<Limit>,
    /// The first in line gets the next place that is free; interactive first, batch last.
    lines: [VecDeque<oneshot::Sender<Place>>; 3],
}

/// What the gate says to a prompt.
pub(super) enum Entry {
    Enter(Place),
    Wait(oneshot::Receiver<Place>),
}

impl Gate {
    pub(super) fn new(rules: Rules) -> Self {
        let limit = rules.adaptive.then(|| Limit::new(rules.min_inflight, rules.max_inflight));
        let state = State { inflight: 0, limit, lines: Default::default() };
        Self { shared: Arc::new(Shared { rules, state: Mutex::new(state) }) }
    }

    pub(super) fn queue(&self) -> Duration {
        self.shared.rules.queue
    }

    /// Lets a prompt in, or shows it its place in line.
    pub(super) fn enter(&self, priority: Priority) -> Result<Entry> {
        let rules = &self.shared.rules;
        let mut state = self.shared.state.lock();
        state.forget_those_who_left();
        if state.has_room(rules) && state.nobody_before(priority) {
            state.inflight += 1;
            drop(state);
            return Ok(Entry::Enter(Place::new(self)));
        }
        if state.waiting() >= rules.max_queue as usize {
            let displaced = state.displace(priority);
            // Dropped here, which wakes it: it hears that it is refused.
            if displaced.is_none() {
                return Err(self.refused(&state));
            }
        }
        if rules.max_queue == 0 {
            return Err(self.refused(&state));
        }
        let (turn, wait) = oneshot::channel();
        state.lines[line(priority)].push_back(turn);
        Ok(Entry::Wait(wait))
    }

    /// The answer to a prompt that is not let in.
    pub(super) fn overloaded(&self) -> Error {
        self.refused(&self.shared.state.lock())
    }

    fn refused(&self, state: &State) -> Error {
        Error::new(Code::Overloaded, "the mesh has more to do than it can")
            .with_operation("mesh::shed")
            .with_context("inflight", Public(state.inflight))
            .with_context("limit", Public(state.limit(&self.shared.rules)))
            .with_context("waiting", Public(state.waiting()))
            // Who comes back later than those who wait now does not make the line longer.
            .with_retry_after(self.shared.rules.queue.max(Duration::from_secs(1)))
    }

    /// Lets in those who wait, as far as the limit has grown.
    fn admit(&self) {
        loop {
            let mut state = self.shared.state.lock();
            if !state.has_room(&self.shared.rules) {
                return;
            }
            let Some(next) = state.first_in_line() else { return };
            state.inflight += 1;
            drop(state);
            // Outside of the lock: dropped by who has left meanwhile, it lets the next one in.
            let _ = next.send(Place::new(self));
        }
    }

    /// Passes a place on to the first in line, or gives it up.
    fn leave(&self, mut place: Place) {
        loop {
            let next = {
                let mut state = self.shared.state.lock();
                // Over a limit that has shrunk meanwhile, those who wait go on waiting.
                let within = state.inflight <= state.limit(&self.shared.rules);
                match within.then(|| state.first_in_line()).flatten() {
                    Some(next) => next,
                    None => {
                        state.inflight -= 1;
                        place.held = false;
                        return;
                    }
                }
            };
            // Outside of the lock: who has left meanwhile gives the place back.
            match next.send(place) {
                Ok(()) => return,
                Err(back) => place = back,
            }
        }
    }
}

impl State {
    fn limit(&self, rules: &Rules) -> u32 {
        self.limit.as_ref().map_or(rules.max_inflight.max(1), Limit::get)
    }

    fn has_room(&self, rules: &Rules) -> bool {
        self.inflight < self.limit(rules)
    }

    fn first_in_line(&mut self) -> Option<oneshot::Sender<Place>> {
        self.lines.iter_mut().find_map(VecDeque::pop_front)
    }

    fn waiting(&self) -> usize {
        self.lines.iter().map(VecDeque::len).sum()
    }

    fn nobody_before(&self, priority: Priority) -> bool {
        self.lines[..=line(priority)].iter().all(VecDeque::is_empty)
    }

    /// Takes the last one out of the least important line behind this priority.
    fn displace(&mut self, priority: Priority) -> Option<oneshot::Sender<Place>> {
        self.lines[line(priority) + 1..].iter_mut().rev().find_map(VecDeque::pop_back)
    }

    fn forget_those_who_left(&mut self) {
        self.lines.iter_mut().for_each(|line| line.retain(|turn| !turn.is_closed()));
    }
}

/// A place among those under way. Dropping it lets the next one in.
#[derive(Debug)]
pub(super) struct Place {
    gate: Gate,
    since: Instant,
    held: bool,
}

impl Place {
    fn new(gate: &Gate) -> Self {
        Self { gate: gate.clone(), since: Instant::now(), held: true }
    }

    /// The prompt begins now, wherever it waited before.
    pub(super) fn begin(&mut self) {
        self.since = Instant::now();
    }

    /// The first byte came.
    pub(super) fn answered(&self) {
        let mut state = self.gate.shared.state.lock();
        let inflight = state.inflight;
        let Some(limit) = &mut state.limit else { return };
        limit.observe(self.since.elapsed(), inflight);
        drop(state);
        self.gate.admit();
    }

    pub(super) fn failed(&self, err: &Error) {
        let busy =
            matches!(err.code(), Code::NoNode | Code::NodeThrottled | Code::Overloaded | Code::Timeout);
        if let Some(limit) = self.gate.shared.state.lock().limit.as_mut().filter(|_| busy) {
            limit.failed();
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if std::mem::replace(&mut self.held, false) {
            let place = Self { gate: self.gate.clone(), since: self.since, held: true };
            self.gate.leave(place);
        }
    }
}

const fn line(priority: Priority) -> usize {
    match priority {
        Priority::Interactive => 0,
        Priority::Standard => 1,
        Priority::Batch => 2,
    }
}
