use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use maily_errors::{Code, Error, Public, Result};
use metrics::Counter;
use parking_lot::Mutex;
use smallvec::SmallVec;

use super::headers;
use super::tab::{Drawing, Level, Tab};
use crate::account::{Unit, Window};
use crate::clock::Clock;
use crate::config::KeyConfig;
use crate::model::{Format, PassedOn};
use crate::port::Accounts;

/// So much of each unit.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Amounts {
    pub(super) requests: u64,
    pub(super) tokens: u64,
    pub(super) micros: u64,
}

/// What one key has at this instance.
pub(super) struct Purse {
    pub(super) config: KeyConfig,
    clock: Clock,
    accounts: Arc<dyn Accounts>,
    state: Mutex<State>,
    counted: Counted,
}

#[derive(Debug)]
struct State {
    running: u32,
    tabs: SmallVec<[Tab; 3]>,
    /// All that was spent since the key is known.
    spent: Amounts,
}

struct Counted {
    requests: Counter,
    tokens: Counter,
    micros: Counter,
}

/// What a purse answers at once.
pub(super) enum Outcome {
    /// The prompt may go on.
    Held(Reservation),
    /// First more has to be drawn.
    Short(Drawing),
}

/// What is known of a key at one moment.
pub(super) struct Standing {
    pub(super) running: u32,
    pub(super) spent: Amounts,
    pub(super) levels: SmallVec<[Level; 3]>,
}

impl Purse {
    pub(super) fn new(config: KeyConfig, accounts: Arc<dyn Accounts>, clock: Clock) -> Self {
        let now = clock.now();
        let tabs = config.limits().map(|(unit, limit, per)| Tab::new(unit, limit, per, now)).collect();
        let key = config.name.to_string();
        let counted = Counted {
            requests: metrics::counter!("maily_mesh_key_requests_total", "key" => key.clone(), "outcome" => "ok"),
            tokens: metrics::counter!("maily_mesh_key_tokens_total", "key" => key.clone()),
            micros: metrics::counter!("maily_mesh_key_cost_micros_total", "key" => key),
        };
        let state = Mutex::new(State { running: 0, tabs, spent: Amounts::default() });
        Self { config, clock, accounts, state, counted }
    }

    /// Reserves what a prompt needs, all or nothing, without waiting.
    pub(super) fn reserve(self: &Arc<Self>, need: Amounts, format: Format) -> Result<Outcome> {
        let now = self.clock.now();
        let mut state = self.state.lock();
        let State { running, tabs, .. } = &mut *state;
        if self.config.concurrent.is_some_and(|most| *running >= most) {
            let err = Error::new(Code::KeyLimit, "the key has as many prompts under way as it may")
                .with_context("limit_concurrent", Public(*running))
                .with_retry_after(SOON);
            drop(state);
            return Err(self.refuse(err, format));
        }
        tabs.iter_mut().for_each(|tab| tab.roll(now));
        if let Some(short) = tabs.iter_mut().find(|tab| tab.lacks(need.of(tab.unit))) {
            let needed = need.of(short.unit);
            if needed > short.limit || (short.drawing.is_none() && short.is_dry(now)) {
                let err = refusal(short, needed, now);
                drop(state);
                return Err(self.refuse(err, format));
            }
            return Ok(Outcome::Short(self.draw(short, needed)));
        }
        let mut held =
            Reservation { purse: self.clone(), reserved: need, used: need, shares: SmallVec::new() };
        for tab in tabs {
            let need = need.of(tab.unit);
            tab.reserve(need);
            held.shares.push(Share { window: tab.window, reserved: need, before: 0 });
        }
        *running += 1;
        drop(state);
        self.counted.requests.increment(1);
        Ok(Outcome::Held(held))
    }

    /// Draws, or joins those who do already.
    fn draw(self: &Arc<Self>, tab: &mut Tab, need: u64) -> Drawing {
        if let Some(drawing) = &tab.drawing {
            return drawing.clone();
        }
        let (pot, least, most) = tab.wants(&self.config.name, need);
        let asked = self.accounts.draw(&pot, least, most);
        // Weak, for the purse holds what is drawn into it.
        let purse = Arc::downgrade(self);
        let (unit, window) = (tab.unit, pot.window);
        let drawing = async move {
            let granted = asked.await;
            let Some(purse) = purse.upgrade() else { return Ok(()) };
            let now = purse.clock.now();
            let mut state = purse.state.lock();
            let Some(tab) = state.tabs.iter_mut().find(|tab| tab.unit == unit && tab.window == window) else {
                return Ok(());
            };
            tab.drawing = None;
            match granted {
                Ok(grant) => {
                    tab.credit(window, grant, now);
                    Ok(())
                }
                Err(err) => Err(err.code()),
            }
        };
        let drawing = drawing.boxed().shared();
        tab.drawing = Some(drawing.clone());
        drawing
    }

    /// Reserves what a prompt needs, and waits for what has to be drawn.
    pub(super) async fn wait(
        self: Arc<Self>,
        need: Amounts,
        format: Format,
        first: Drawing,
    ) -> Result<Reservation> {
        let mut drawing = first;
        loop {
            if let Err(code) = drawing.await {
                let err = Error::new(Code::AccountUnreachable, "what the key has left cannot be asked")
                    .with_context("because", Public(code.name()))
                    .with_retry_after(SOON);
                return Err(self.refuse(err, format));
            }
            drawing = match self.reserve(need, format)? {
                Outcome::Held(held) => return Ok(held),
                Outcome::Short(more) => more,
            };
        }
    }

    /// Makes an error of this key, with the headers that say how much it has left, and counts it.
    pub(super) fn refuse(&self, err: Error, format: Format) -> Error {
        let (key, code) = (self.config.name.to_string(), err.code().name());
        metrics::counter!("maily_mesh_key_requests_total", "key" => key, "outcome" => code).increment(1);
        let mut passed_on = http::HeaderMap::new();
        self.write_headers(format, &mut passed_on);
        err.with_operation("mesh::limit")
            .with_context("key", Public(self.config.name.as_str()))
            .with_source(PassedOn::new(passed_on))
    }

    /// Writes how much is left, in the headers that clients of a format read.
    pub(super) fn write_headers(&self, format: Format, headers: &mut http::HeaderMap) {
        let now = self.clock.now();
        let levels: SmallVec<[Level; 3]> = {
            let mut state = self.state.lock();
            state.tabs.iter_mut().for_each(|tab| tab.roll(now));
            state.tabs.iter().map(Tab::level).collect()
        };
        headers::write(format, &levels, now, headers);
    }

    /// Returns what is known now.
    pub(super) fn standing(&self) -> Standing {
        let now = self.clock.now();
        let mut state = self.state.lock();
        state.tabs.iter_mut().for_each(|tab| tab.roll(now));
        Standing {
            running: state.running,
            spent: state.spent,
            levels: state.tabs.iter().map(Tab::level).collect(),
        }
    }

    /// Gives back what is drawn and neither reserved nor spent.
    pub(super) async fn give_back(&self) -> Result<()> {
        let now = self.clock.now();
        let mut all = SmallVec::<[_; 3]>::new();
        for tab in &mut self.state.lock().tabs {
            tab.roll(now);
            let (pot, ..) = tab.wants(&self.config.name, 0);
            all.push((pot, tab.take_left()));
        }
        for (pot, amount) in all.into_iter().filter(|(_, amount)| *amount > 0) {
            self.accounts.give_back(&pot, amount).await?;
        }
        Ok(())
    }
}

fn refusal(tab: &Tab, need: u64, now: Duration) -> Error {
    let level = tab.level();
    let ends = level.ends.map(|ends| ends.saturating_sub(now));
    let err = if need > tab.limit {
        Error::new(Code::PromptOverLimit, "the prompt needs more than its key ever has")
    } else if !tab.is_spent(need) {
        // Others have it, and may not be there just now.
        Error::new(Code::KeyLimit, "what the key has left is with other instances").with_retry_after(SOON)
    } else if tab.unit == Unit::Micros {
        let err = Error::new(Code::BudgetSpent, "the budget of the key is spent");
        ends.into_iter().fold(err, Error::with_retry_after)
    } else {
        let err = Error::new(Code::KeyLimit, "the key has no more for now");
        ends.into_iter().fold(err, Error::with_retry_after)
    };
    err.with_context("unit", Public(tab.unit.as_str()))
        .with_context("per", Public(level.per.as_str()))
        .with_context("limit", Public(tab.limit))
        .with_context("remaining", Public(level.remaining))
        .with_context("needed", Public(need))
}

impl std::fmt::Debug for Purse {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Purse").field("key", &self.config.name).finish_non_exhaustive()
    }
}

impl Amounts {
    pub(super) const fn of(&self, unit: Unit) -> u64 {
        match unit {
            Unit::Micros => self.micros,
            Unit::Requests => self.requests,
            Unit::Tokens => self.tokens,
        }
    }

    fn add(&mut self, more: Self) {
        self.requests = self.requests.saturating_add(more.requests);
        self.tokens = self.tokens.saturating_add(more.tokens);
        self.micros = self.micros.saturating_add(more.micros);
    }
}

/// What a prompt under way has reserved. When it is dropped, what was used is spent and the rest is free again.
#[derive(Debug)]
pub(super) struct Reservation {
    purse: Arc<Purse>,
    reserved: Amounts,
    used: Amounts,
    shares: SmallVec<[Share; 3]>,
}

/// What of a reservation is in one limit.
#[derive(Debug)]
struct Share {
    /// The latest window in which it reserved something.
    window: Window,
    reserved: u64,
    /// What it had reserved in windows before, which went with them.
    before: u64,
}

impl Reservation {
    pub(super) fn purse(&self) -> &Arc<Purse> {
        &self.purse
    }

    pub(super) const fn reserved(&self) -> Amounts {
        self.reserved
    }

    /// Sets what the prompt has used so far.
    pub(super) const fn set_used(&mut self, tokens: u64, micros: u64) {
        self.used.tokens = tokens;
        self.used.micros = micros;
    }

    /// Reserves more for an answer that is longer than expected; below zero if there is no more.
    pub(super) fn grow(&mut self, tokens: u64, micros: u64) {
        let more = Amounts { requests: 0, tokens, micros };
        self.reserved.add(more);
        let mut state = self.purse.state.lock();
        for (tab, share) in state.tabs.iter_mut().zip(&mut self.shares) {
            if tab.window != share.window {
                let before = share.before.saturating_add(share.reserved);
                *share = Share { window: tab.window, reserved: 0, before };
            }
            let more = more.of(tab.unit);
            tab.reserve(more);
            share.reserved = share.reserved.saturating_add(more);
        }
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        let Purse { state, counted, .. } = &*self.purse;
        let mut state = state.lock();
        let State { running, tabs, spent } = &mut *state;
        *running -= 1;
        spent.add(self.used);
        for (tab, share) in tabs.iter_mut().zip(&self.shares) {
            let used = self.used.of(tab.unit).saturating_sub(share.before);
            tab.settle(share.window, share.reserved, used);
        }
        drop(state);
        counted.tokens.increment(self.used.tokens);
        counted.micros.increment(self.used.micros);
    }
}

/// When to come back for what frees itself.
const SOON: Duration = Duration::from_secs(1);
