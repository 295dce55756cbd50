//! Limits in the memory of this process.

use std::collections::HashMap;

use maily_errors::{Code, Error, Public, Result};
use parking_lot::Mutex;
use tokio::time::Instant;

use super::quota::{Quota, Span, Verdict, micros};
use crate::memory::MemoryStore;
use crate::model::Key;
use crate::port::Limits;

/// The limits of a [`MemoryStore`].
#[derive(Debug)]
pub(crate) struct Levels {
    table: Mutex<Table>,
    began: Instant,
}

#[derive(Debug)]
struct Table {
    /// When the burst of each name is whole again, since `began`.
    whole_at: HashMap<Key, Span, ahash::RandomState>,
    limit: usize,
    /// How many names there may be before those with a whole burst are looked for.
    sweep_at: usize,
}

impl Levels {
    pub(crate) fn new(limit: usize) -> Self {
        let table = Table { whole_at: HashMap::default(), limit, sweep_at: SWEEP };
        Self { table: Mutex::new(table), began: Instant::now() }
    }
}

impl Limits for MemoryStore {
    async fn take(&self, name: &Key, quota: Quota, cost: u32) -> Result<Verdict> {
        quota.check()?;
        let levels = &self.parts().limits;
        let mut table = levels.table.lock();
        // Under the lock, so that time does not go back from one request to the next.
        let now = Span { whole: micros(levels.began.elapsed()), rest: 0 };
        table.take(name, quota, cost, now)
    }
}

impl Table {
    /// As `lua/take.lua` does it.
    fn take(&mut self, name: &Key, quota: Quota, cost: u32, now: Span) -> Result<Verdict> {
        let count = quota.count();
        let latest = now.plus(quota.span(quota.burst()), count);
        let saved = self.whole_at.get_mut(name);
        let start = saved.as_deref().map_or(now, |saved| {
            // The rest is in units of the quota that saved it, which may have been another one.
            let rest = saved.rest.min(u64::from(count) - 1);
            Span { whole: saved.whole, rest }.clamp(now, latest)
        });
        let next = start.plus(quota.span(cost), count);
        if next > latest {
            return Ok(Verdict { allowed: false, backlog: since(now, start) });
        }
        match saved {
            Some(saved) => *saved = next,
            None => {
                self.make_room(now)?;
                self.whole_at.insert(name.clone(), next);
            }
        }
        Ok(Verdict { allowed: true, backlog: since(now, next) })
    }

    fn make_room(&mut self, now: Span) -> Result<()> {
        if self.whole_at.len() >= self.limit.min(self.sweep_at) {
            self.whole_at.retain(|_, whole_at| *whole_at > now);
            self.sweep_at = (self.whole_at.len() * 2).max(SWEEP);
        }
        if self.whole_at.len() < self.limit {
            return Ok(());
        }
        Err(Error::new(Code::RedisStoreFull, "the store in memory is full")
            .with_operation("redis::limit")
            .with_context("limit", Public(self.limit)))
    }
}

fn since(now: Span, later: Span) -> Span {
    Span { whole: later.whole - now.whole, rest: later.rest }
}

/// How many names are worth a first look for those that are whole.
const SWEEP: usize = 64;
