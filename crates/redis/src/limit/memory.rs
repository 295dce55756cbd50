//! Limits in the memory of this process.

use std::collections::HashMap;

use bytes::{BufMut, Bytes, BytesMut};
use maily_errors::Result;
use parking_lot::Mutex;

use super::quota::{Quota, Span, Verdict};
use super::reserve::Reserve;
use crate::memory::{LIMIT, Log, MemoryStore, Moment, Notes, Parts, Restored, Sweep, Written, row_key};
use crate::model::Key;
use crate::port::Limits;

/// The limits of a [`MemoryStore`].
#[derive(Debug)]
pub(crate) struct Levels {
    table: Mutex<Table>,
}

#[derive(Debug)]
struct Table {
    by_name: HashMap<Key, Level, ahash::RandomState>,
    sweep: Sweep,
    notes: Notes,
}

#[derive(Debug)]
struct Level {
    /// When the burst is whole again.
    whole_at: Span,
    /// Up to where that is written down, if it is.
    reserve: Option<Box<Reserve>>,
}

impl Levels {
    pub(crate) fn new(limit: usize, log: &Log, restored: &Restored) -> Result<Self> {
        let read = |(name, row): &(Bytes, Bytes)| Ok((Key::new(name.clone())?, Level::decode(row)?));
        let by_name = restored.limits.iter().map(read).collect::<Result<_>>()?;
        let table = Table { by_name, sweep: Sweep::new(limit), notes: log.notes() };
        Ok(Self { table: Mutex::new(table) })
    }
}

impl Limits for MemoryStore {
    async fn take(&self, name: &Key, quota: Quota, cost: u32) -> Result<Verdict> {
        quota.check()?;
        let parts = self.parts();
        let (verdict, written) = {
            let mut table = parts.limits.table.lock();
            // Under the lock, so that time does not go back from one request to the next.
            table.take(name, quota, cost, parts.clock.now(), &parts.log)?
        };
        written.done().await?;
        Ok(verdict)
    }
}

impl Table {
    /// As `lua/take.lua` does it.
    fn take(
        &mut self,
        name: &Key,
        quota: Quota,
        cost: u32,
        time: Moment,
        log: &Log,
    ) -> Result<(Verdict, Written)> {
        let (count, now) = (quota.count(), Span { whole: time.0, rest: 0 });
        let latest = now.plus(quota.span(quota.burst()), count);
        let saved = self.by_name.get_mut(name);
        let start = saved.as_deref().map_or(now, |Level { whole_at, .. }| {
            // The rest is in units of the quota that saved it, which may have been another one.
            let rest = whole_at.rest.min(u64::from(count) - 1);
            Span { whole: whole_at.whole, rest }.clamp(now, latest)
        });
        let next = start.plus(quota.span(cost), count);
        if next > latest {
            return Ok((Verdict { allowed: false, backlog: since(now, start) }, Written::default()));
        }
        let level = match saved {
            Some(saved) => saved,
            // It takes nothing, and asks only how much there is.
            None if cost == 0 => {
                return Ok((Verdict { allowed: true, backlog: since(now, next) }, Written::default()));
            }
            None => {
                self.make_room(time)?;
                self.by_name.entry(name.clone()).or_insert(Level { whole_at: next, reserve: None })
            }
        };
        level.whole_at = next;
        self.sweep.note(level.over());
        let written = if log.is_kept() && next > now {
            Reserve::cover(&mut level.reserve, next, |until| {
                self.notes.note(|| row(name, until));
                log.write(time, &mut self.notes)
            })
        } else {
            Written::default()
        };
        Ok((Verdict { allowed: true, backlog: since(now, next) }, written))
    }

    fn make_room(&mut self, now: Moment) -> Result<()> {
        let removed = |name: &Key| self.notes.note(|| (row_key(LIMIT, name.as_bytes()), None));
        self.sweep.make_room("redis::limit", &mut self.by_name, now, Level::over, removed)
    }
}

impl Level {
    fn decode(row: &Bytes) -> Result<Self> {
        let mut row = Parts(row.clone());
        let whole_at = Span { whole: row.u64()?, rest: row.u64()? };
        row.end()?;
        Ok(Self { whole_at, reserve: None })
    }

    /// Returns when it says no more than no level at all.
    fn over(&self) -> Moment {
        Moment(self.whole_at.whole + u64::from(self.whole_at.rest > 0))
    }
}

fn row(name: &Key, whole_at: Span) -> (Bytes, Option<Bytes>) {
    let mut row = BytesMut::with_capacity(16);
    row.put_u64(whole_at.whole);
    row.put_u64(whole_at.rest);
    (row_key(LIMIT, name.as_bytes()), Some(row.freeze()))
}

fn since(now: Span, later: Span) -> Span {
    Span { whole: later.whole - now.whole, rest: later.rest }
}
