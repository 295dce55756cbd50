//! Locks in the memory of this process.

use std::collections::HashMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use maily_errors::{Code, Error, Public, Result};
use parking_lot::Mutex;
use tokio::time::Instant;

use super::lease::{Grant, Owner};
use super::token::Token;
use crate::memory::MemoryStore;
use crate::model::Key;
use crate::port::Leases;

/// The locks of a [`MemoryStore`].
#[derive(Debug)]
pub(crate) struct Locks {
    table: Mutex<Table>,
}

#[derive(Debug)]
struct Table {
    held: HashMap<Key, Held>,
    limit: usize,
    /// How many locks there may be before those that are over are looked for.
    sweep_at: usize,
    /// The last token of any lock: no lock needs a memory of its own.
    last: u64,
    /// The time since 1970 at `began`, in µs: tokens grow past a restart of the process.
    since_1970: u64,
    began: Instant,
}

#[derive(Debug)]
struct Held {
    owner: Owner,
    token: Token,
    ends: Instant,
    /// Who gets it next, and until when that holds.
    promised: Option<(Owner, Instant)>,
}

impl Locks {
    pub(crate) fn new(limit: usize) -> Self {
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let table = Table {
            held: HashMap::new(),
            limit,
            sweep_at: SWEEP,
            last: 0,
            since_1970: microseconds(since_1970),
            began: Instant::now(),
        };
        Self { table: Mutex::new(table) }
    }

    /// Forgets who holds what, as a failover may.
    #[cfg(test)]
    pub(super) fn forget(&self) {
        self.table.lock().held.clear();
    }
}

impl Leases for MemoryStore {
    async fn acquire(&self, name: &Key, owner: Owner, ttl: Duration, patience: Duration) -> Result<Grant> {
        self.parts().locks.table.lock().acquire(name, owner, ttl, patience)
    }

    async fn renew(&self, name: &Key, owner: Owner, ttl: Duration) -> Result<bool> {
        let now = Instant::now();
        let mut table = self.parts().locks.table.lock();
        let held = table.held.get_mut(name).filter(|held| held.owner == owner && held.ends > now);
        Ok(held.map(|held| held.ends = now + ttl).is_some())
    }

    async fn release(&self, name: &Key, owner: Owner) -> Result<bool> {
        let now = Instant::now();
        let mut table = self.parts().locks.table.lock();
        let held = table.held.get_mut(name).filter(|held| held.owner == owner && held.ends > now);
        let Some(held) = held else { return Ok(false) };
        held.ends = now;
        if held.is_over(now) {
            table.held.remove(name);
        }
        Ok(true)
    }
}

impl Table {
    /// As `lua/acquire.lua` does it.
    fn acquire(&mut self, name: &Key, owner: Owner, ttl: Duration, patience: Duration) -> Result<Grant> {
        let now = Instant::now();
        if let Some(held) = self.held.get_mut(name) {
            if held.ends > now && held.owner == owner {
                held.ends = now + ttl;
                return Ok(Grant::Granted(held.token));
            }
            let promise = held.promised.filter(|(next, until)| *next != owner && *until > now);
            if held.ends > now {
                let next = promise.is_none() && !patience.is_zero();
                if next {
                    held.promised = Some((owner, now + patience));
                }
                return Ok(Grant::Held { remaining: held.ends - now, next });
            }
            if let Some((_, until)) = promise {
                return Ok(Grant::Held { remaining: until - now, next: false });
            }
        }
        self.make_room(name, now)?;
        self.last = (self.last + 1).max(self.since_1970 + microseconds(now - self.began));
        let token = Token::new(0, self.last);
        self.held.insert(name.clone(), Held { owner, token, ends: now + ttl, promised: None });
        Ok(Grant::Granted(token))
    }

    fn make_room(&mut self, name: &Key, now: Instant) -> Result<()> {
        let full = self.held.len() >= self.limit.min(self.sweep_at);
        if full && !self.held.contains_key(name) {
            self.held.retain(|_, held| !held.is_over(now));
            self.sweep_at = (self.held.len() * 2).max(SWEEP);
        }
        if self.held.len() < self.limit || self.held.contains_key(name) {
            return Ok(());
        }
        Err(Error::new(Code::RedisStoreFull, "the store in memory is full")
            .with_operation("redis::lock_acquire")
            .with_context("limit", Public(self.limit)))
    }
}

impl Held {
    /// Says whether nobody holds it and nobody is to have it.
    fn is_over(&self, now: Instant) -> bool {
        self.ends <= now && self.promised.is_none_or(|(_, until)| until <= now)
    }
}

fn microseconds(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

/// How many locks are worth a first look for those that are over.
const SWEEP: usize = 64;
