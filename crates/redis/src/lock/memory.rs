//! Locks in the memory of this process.

use std::collections::HashMap;
use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use maily_errors::Result;
use parking_lot::Mutex;

use super::lease::{Grant, Owner};
use super::token::Token;
use crate::memory::{LOCK, Log, MemoryStore, Moment, Notes, Parts, Restored, Sweep, Written, row_key};
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
    sweep: Sweep,
    /// The last token of any lock: no lock needs a memory of its own. At least the time, so that tokens grow past a
    /// restart of the process.
    last: u64,
    notes: Notes,
}

#[derive(Debug)]
struct Held {
    owner: Owner,
    token: Token,
    ends: Moment,
    /// Who gets it next, and until when that holds. Not written down: who waits ends with the process.
    promised: Option<(Owner, Moment)>,
}

impl Locks {
    pub(crate) fn new(limit: usize, log: &Log, restored: &Restored) -> Result<Self> {
        let read = |(name, row): &(Bytes, Bytes)| Ok((Key::new(name.clone())?, Held::decode(row)?));
        let table = Table {
            held: restored.locks.iter().map(read).collect::<Result<_>>()?,
            sweep: Sweep::new(limit),
            last: restored.last.0,
            notes: log.notes(),
        };
        Ok(Self { table: Mutex::new(table) })
    }

    /// Forgets who holds what, as a failover may.
    #[cfg(test)]
    pub(super) fn forget(&self) {
        self.table.lock().held.clear();
    }
}

impl Leases for MemoryStore {
    async fn acquire(&self, name: &Key, owner: Owner, ttl: Duration, patience: Duration) -> Result<Grant> {
        let (grant, written) = self.locked(|table, now| table.acquire(name, owner, ttl, patience, now));
        written.done().await?;
        grant
    }

    async fn renew(&self, name: &Key, owner: Owner, ttl: Duration) -> Result<bool> {
        let (renewed, written) = self.locked(|table, now| table.renew(name, owner, ttl, now));
        written.done().await?;
        Ok(renewed)
    }

    async fn release(&self, name: &Key, owner: Owner) -> Result<bool> {
        let (released, written) = self.locked(|table, now| table.release(name, owner, now));
        written.done().await?;
        Ok(released)
    }
}

impl MemoryStore {
    /// Changes the table, and hands on what is to be written before anybody else changes it.
    fn locked<T>(&self, change: impl FnOnce(&mut Table, Moment) -> T) -> (T, Written) {
        let parts = self.parts();
        let mut table = parts.locks.table.lock();
        let now = parts.clock.now();
        let answer = change(&mut table, now);
        let latest = now.max(Moment(table.last));
        (answer, parts.log.write(latest, &mut table.notes))
    }
}

impl Table {
    /// As `lua/acquire.lua` does it.
    fn acquire(
        &mut self,
        name: &Key,
        owner: Owner,
        ttl: Duration,
        patience: Duration,
        now: Moment,
    ) -> Result<Grant> {
        if let Some(held) = self.held.get_mut(name) {
            if held.ends > now && held.owner == owner {
                held.ends = now + ttl;
                self.sweep.note(held.over());
                self.notes.note(|| held.row(name));
                return Ok(Grant::Granted(held.token));
            }
            let promise = held.promised.filter(|(next, until)| *next != owner && *until > now);
            if held.ends > now {
                let next = promise.is_none() && !patience.is_zero();
                if next {
                    held.promised = Some((owner, now + patience));
                    self.sweep.note(held.over());
                }
                return Ok(Grant::Held { remaining: held.ends - now, next });
            }
            if let Some((_, until)) = promise {
                return Ok(Grant::Held { remaining: until - now, next: false });
            }
            // It is over, and leaves its place to this one.
        } else {
            let removed = |name: &Key| self.notes.note(|| (row_key(LOCK, name.as_bytes()), None));
            self.sweep.make_room("redis::lock_acquire", &mut self.held, now, Held::over, removed)?;
        }
        self.last = (self.last + 1).max(now.0);
        let held = Held { owner, token: Token::new(0, self.last), ends: now + ttl, promised: None };
        self.sweep.note(held.over());
        self.notes.note(|| held.row(name));
        let token = held.token;
        self.held.insert(name.clone(), held);
        Ok(Grant::Granted(token))
    }

    fn renew(&mut self, name: &Key, owner: Owner, ttl: Duration, now: Moment) -> bool {
        let Some(held) = self.held.get_mut(name).filter(|held| held.is_of(owner, now)) else { return false };
        held.ends = now + ttl;
        self.sweep.note(held.over());
        self.notes.note(|| held.row(name));
        true
    }

    fn release(&mut self, name: &Key, owner: Owner, now: Moment) -> bool {
        let Some(held) = self.held.get_mut(name).filter(|held| held.is_of(owner, now)) else { return false };
        held.ends = now;
        self.sweep.note(held.over());
        if held.over() <= now {
            self.held.remove(name);
        }
        self.notes.note(|| (row_key(LOCK, name.as_bytes()), None));
        true
    }
}

impl Held {
    fn is_of(&self, owner: Owner, now: Moment) -> bool {
        self.owner == owner && self.ends > now
    }

    /// Returns when nobody holds it and nobody is to have it.
    fn over(&self) -> Moment {
        self.promised.map_or(self.ends, |(_, until)| until.max(self.ends))
    }

    fn row(&self, name: &Key) -> (Bytes, Option<Bytes>) {
        let mut row = BytesMut::with_capacity(32);
        row.extend_from_slice(&self.owner.to_bytes());
        row.put_u64(self.token.sequence());
        row.put_u64(self.ends.0);
        (row_key(LOCK, name.as_bytes()), Some(row.freeze()))
    }

    fn decode(row: &Bytes) -> Result<Self> {
        let mut row = Parts(row.clone());
        let owner = Owner::from_number(row.u128()?);
        let (token, ends) = (Token::new(0, row.u64()?), Moment(row.u64()?));
        row.end()?;
        Ok(Self { owner, token, ends, promised: None })
    }
}
