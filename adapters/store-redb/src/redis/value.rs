//! A change of a value, decided in the order of the file.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use maily_errors::{Code, Error};
use maily_redis::cache::Listeners;
use maily_redis::{Key, Swap};

use super::row::{Row, now_ms};
use super::table::{Limits, Tables};
use crate::error::Failed;

/// A change of a value that waits for its commit.
#[derive(Debug)]
pub(crate) struct ValueChange {
    pub(super) key: Key,
    pub(super) what: What,
    pub(super) limits: Limits,
    pub(super) listeners: Arc<Listeners>,
}

/// What is to happen to a value.
#[derive(Debug)]
pub(super) enum What {
    Expire { ttl: Option<Duration> },
    Increment { by: i64, ttl: Option<Duration> },
    Remove,
    Set { value: Bytes, ttl: Option<Duration> },
    Swap(Swap),
}

/// What happened.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Decision {
    Count(i64),
    Done(bool),
}

/// What becomes of a row.
enum Next {
    Keep,
    Put(Row),
    Remove,
}

// === impl ValueChange ===

impl ValueChange {
    /// Decides and does it. An error inside is a refusal: the rest of the commit happens.
    pub(super) fn apply(&self, tables: &mut Tables<'_>) -> Result<Result<Decision, Error>, Failed> {
        let now = now_ms();
        tables.free(now, FREED_BY_A_CHANGE)?;
        let key = self.key.as_bytes();
        // What is over and still there is replaced like any other, and decided on as nothing.
        let there = tables.get(key)?;
        let (next, decision) = match self.what.decide(there.as_ref().filter(|row| row.lives(now)), now) {
            Ok(decided) => decided,
            Err(refused) => return Ok(Err(refused)),
        };
        match (next, there) {
            (Next::Put(row), there) => {
                if let Err(full) = tables.put(key, there.as_ref(), &row, self.limits, now)? {
                    return Ok(Err(full));
                }
            }
            (Next::Remove, Some(row)) => tables.remove(key, &row)?,
            (Next::Remove, None) | (Next::Keep, _) => {}
        }
        Ok(Ok(decision))
    }

    /// Tells the listeners, when the commit has ended, well or not.
    pub(super) fn settled(&self) {
        self.listeners.changed(&self.key);
    }
}

// === impl What ===

impl What {
    fn decide(&self, old: Option<&Row>, now: u64) -> Result<(Next, Decision), Error> {
        let put = |value: &Bytes, ttl| Next::Put(Row::new(value.clone(), ttl, now));
        Ok(match self {
            Self::Set { value, ttl } => (put(value, *ttl), Decision::Done(true)),
            Self::Remove => (Next::Remove, Decision::Done(old.is_some())),
            Self::Expire { ttl } => match old {
                Some(old) => (put(&old.value, *ttl), Decision::Done(true)),
                None => (Next::Keep, Decision::Done(false)),
            },
            Self::Swap(swap) if old.map(|old| &old.value) != swap.expected.as_ref() => {
                (Next::Keep, Decision::Done(false))
            }
            Self::Swap(swap) => {
                let next = swap.value.as_ref().map_or(Next::Remove, |value| put(value, swap.ttl));
                (next, Decision::Done(true))
            }
            Self::Increment { by, ttl } => {
                let count = old.map_or(Some(0), |old| integer(&old.value));
                let sum = count.and_then(|count| count.checked_add(*by)).ok_or_else(|| {
                    Error::new(Code::RedisNotANumber, "the value is not a counter, or its sum is too large")
                        .with_operation("store_redb::increment")
                })?;
                let value = Bytes::from(sum.to_string());
                let row = match old {
                    Some(old) => Row { value, ends_ms: old.ends_ms },
                    None => Row::new(value, *ttl, now),
                };
                (Next::Put(row), Decision::Count(sum))
            }
        })
    }
}

// === impl Decision ===

impl Decision {
    pub(super) const fn done(self) -> bool {
        matches!(self, Self::Done(true))
    }

    pub(super) const fn count(self) -> i64 {
        match self {
            Self::Count(count) => count,
            Self::Done(_) => 0,
        }
    }
}

/// Reads an integer as a server does: no plus, no space, no leading zero.
fn integer(value: &[u8]) -> Option<i64> {
    let number: i64 = std::str::from_utf8(value).ok()?.parse().ok()?;
    (number.to_string().as_bytes() == value).then_some(number)
}

/// How many rows whose time is over a change removes at most.
const FREED_BY_A_CHANGE: usize = 64;
