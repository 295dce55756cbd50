//! The room of a table whose entries end by themselves.

use std::collections::HashMap;
use std::hash::BuildHasher;

use maily_errors::{Code, Error, Public, Result};

use super::Moment;
use crate::model::Key;

/// Knows when it is worth looking for entries that are over: not for every name that a full table refuses.
#[derive(Debug)]
pub(crate) struct Sweep {
    limit: usize,
    /// How many entries there may be before those that are over are looked for.
    at: usize,
    /// No entry is over before.
    first: Moment,
}

impl Sweep {
    pub(crate) const fn new(limit: usize) -> Self {
        Self { limit, at: FIRST_LOOK, first: Moment(0) }
    }

    /// Hears when an entry that is new or was changed is over.
    pub(crate) fn note(&mut self, over: Moment) {
        self.first = self.first.min(over);
    }

    /// Makes room for one more entry; `removed` hears which ones are gone for it.
    pub(crate) fn make_room<T>(
        &mut self,
        operation: &'static str,
        table: &mut HashMap<Key, T, impl BuildHasher>,
        now: Moment,
        over: impl Fn(&T) -> Moment,
        mut removed: impl FnMut(&Key),
    ) -> Result<()> {
        if table.len() >= self.limit.min(self.at) && self.first <= now {
            self.first = Moment(u64::MAX);
            table.retain(|name, entry| {
                let over = over(entry);
                if over > now {
                    self.note(over);
                    return true;
                }
                removed(name);
                false
            });
            self.at = (table.len() * 2).max(FIRST_LOOK);
        }
        if table.len() < self.limit {
            return Ok(());
        }
        Err(Error::new(Code::RedisStoreFull, "the store in memory is full")
            .with_operation(operation)
            .with_context("limit", Public(self.limit)))
    }
}

/// How many entries are worth a first look for those that are over.
const FIRST_LOOK: usize = 64;

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[test]
    fn full_table_is_looked_through_when_something_ends_and_not_for_every_name() {
        let mut sweep = Sweep::new(100);
        let name = |number: u64| Key::new(number.to_string()).unwrap();
        // Restored: nobody noted when they end.
        let mut table: HashMap<_, _> = (0..100).map(|number| (name(number), Moment(1000 + number))).collect();
        let looks = Cell::new(0);
        let mut free = |sweep: &mut Sweep, now: u64| {
            looks.set(0);
            let over = |over: &Moment| {
                looks.set(looks.get() + 1);
                *over
            };
            let room = sweep.make_room("redis::limit", &mut table, Moment(now), over, |_| {});
            if room.is_ok() {
                table.insert(name(now), Moment(2000));
            }
            (room.map_err(|err| err.code()), looks.get())
        };

        let full = Err(Code::RedisStoreFull);
        assert_eq!(free(&mut sweep, 1), (full, 100));
        assert_eq!(free(&mut sweep, 2), (full, 0));
        assert_eq!(free(&mut sweep, 999), (full, 0));
        assert_eq!(free(&mut sweep, 1000), (Ok(()), 100));
        assert_eq!(free(&mut sweep, 1000), (full, 0));
        // One that was changed meanwhile ends before all others.
        sweep.note(Moment(1000));
        assert_eq!(free(&mut sweep, 1000), (full, 100));
    }
}
