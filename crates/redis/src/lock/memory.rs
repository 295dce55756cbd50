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
}

impl Leases for MemoryStore {
    async fn acquire(&self, name: &Key, owner: Owner, ttl: Duration) -> Result<Grant> {
        self.parts().locks.table.lock().acquire(name, owner, ttl)
    }

    async fn renew(&self, name: &Key, owner: Owner, ttl: Duration) -> Result<bool> {
        let now = Instant::now();
        let mut table = self.parts().locks.table.lock();
        let held = table.held.get_mut(name).filter(|held| held.owner == owner && held.ends > now);
        Ok(held.map(|held| held.ends = now + ttl).is_some())
    }

    async fn release(&self, name: &Key, owner: Owner) -> Result<bool> {
        let mut table = self.parts().locks.table.lock();
        if table.held.get(name).is_none_or(|held| held.owner != owner) {
            return Ok(false);
        }
        Ok(table.held.remove(name).is_some_and(|held| held.ends > Instant::now()))
    }
}

impl Table {
    fn acquire(&mut self, name: &Key, owner: Owner, ttl: Duration) -> Result<Grant> {
        let now = Instant::now();
        if let Some(held) = self.held.get_mut(name).filter(|held| held.ends > now) {
            if held.owner != owner {
                return Ok(Grant::Held { remaining: held.ends - now });
            }
            held.ends = now + ttl;
            return Ok(Grant::Granted(held.token));
        }
        self.make_room(name, now)?;
        self.last = (self.last + 1).max(self.since_1970 + microseconds(now - self.began));
        let token = Token::new(0, self.last);
        self.held.insert(name.clone(), Held { owner, token, ends: now + ttl });
        Ok(Grant::Granted(token))
    }

    fn make_room(&mut self, name: &Key, now: Instant) -> Result<()> {
        let full = self.held.len() >= self.limit.min(self.sweep_at);
        if full && !self.held.contains_key(name) {
            self.held.retain(|_, held| held.ends > now);
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

fn microseconds(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

/// How many locks are worth a first look for those that are over.
const SWEEP: usize = 64;
