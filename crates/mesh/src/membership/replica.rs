//! What one instance shares: a small map with versions, written by its owner alone.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use bytes::Bytes;
use maily_errors::{Code, Error, Public, Result};

use super::{MAX_KEY_BYTES, MAX_KEYS, MAX_VALUE_BYTES};

/// The map of one instance, at its owner or as another one knows it.
///
/// A version is a count of the owner's changes, so that "all up to version 7" says everything about a
/// replica: reconciling two takes one number. Source: van Renesse et al., "Efficient Reconciliation and Flow
/// Control for Anti-Entropy Protocols", 2008, section 3.
#[derive(Clone, Debug, Default)]
pub(crate) struct Replica {
    version: u64,
    /// Up to where removed keys are no longer remembered: who knows less begins anew.
    floor: u64,
    values: BTreeMap<Arc<str>, Value>,
}

/// A value, or the memory of a removed one.
#[derive(Clone, Debug)]
pub(super) struct Value {
    pub(super) version: u64,
    pub(super) bytes: Option<Bytes>,
}

/// The changes of a replica behind a version, oldest first.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Changes {
    pub(super) from: u64,
    pub(super) upto: u64,
    pub(super) floor: u64,
    pub(super) values: Vec<(Arc<str>, u64, Option<Bytes>)>,
}

impl Replica {
    /// Writes a value; `None` removes it. Returns whether anything changed.
    pub(crate) fn write(&mut self, key: &str, bytes: Option<Bytes>) -> Result<bool> {
        let len = bytes.as_ref().map_or(0, Bytes::len);
        if key.is_empty() || key.len() > MAX_KEY_BYTES || len > MAX_VALUE_BYTES {
            return Err(over("the key or the value is too long")
                .with_context("key_bytes", Public(key.len()))
                .with_context("value_bytes", Public(len)));
        }
        match (self.values.get(key), &bytes) {
            (None, None) => return Ok(false),
            (Some(value), bytes) if value.bytes == *bytes => return Ok(false),
            (None, Some(_)) if self.values.len() == MAX_KEYS => self.make_room()?,
            _ => {}
        }
        self.version += 1;
        self.values.insert(key.into(), Value { version: self.version, bytes });
        Ok(true)
    }

    /// Forgets the oldest removed key.
    fn make_room(&mut self) -> Result<()> {
        let removed = self.values.values().filter(|value| value.bytes.is_none());
        let oldest = removed.map(|value| value.version).min();
        self.floor = oldest.ok_or_else(|| over("there are as many keys as there may be"))?;
        self.forget_removed();
        Ok(())
    }

    fn forget_removed(&mut self) {
        let floor = self.floor;
        self.values.retain(|_, value| value.bytes.is_some() || value.version > floor);
    }

    /// Applies changes and returns the keys of those that were news.
    pub(super) fn apply(&mut self, changes: Changes) -> Vec<Arc<str>> {
        // From the beginning: what is gone meanwhile is not said, so what was known goes first.
        if changes.from == 0 && self.is_behind(changes.floor) {
            self.version = 0;
            self.values.clear();
        }
        // Something between is missing: a later exchange brings it.
        if changes.from > self.version || changes.upto <= self.version {
            return Vec::new();
        }
        let known = self.version;
        self.version = changes.upto;
        self.floor = self.floor.max(changes.floor);
        self.forget_removed();
        let mut news = Vec::new();
        for (key, version, bytes) in changes.values {
            let room = self.values.len() < MAX_KEYS || self.values.contains_key(&key);
            if version > known && version <= changes.upto && room {
                self.values.insert(key.clone(), Value { version, bytes });
                news.push(key);
            }
        }
        news
    }

    fn is_behind(&self, floor: u64) -> bool {
        self.floor < floor && self.version < floor
    }

    /// Returns the changes that a replica with a version and a floor lacks; all of them if what was removed in
    /// between is forgotten.
    pub(super) fn since(&self, version: u64, floor: u64) -> Changes {
        let from = if floor < self.floor && version < self.floor { 0 } else { version };
        let newer = self.values.iter().filter(|(_, value)| value.version > from);
        let mut values: Vec<_> =
            newer.map(|(key, value)| (key.clone(), value.version, value.bytes.clone())).collect();
        values.sort_unstable_by_key(|(_, version, _)| *version);
        Changes { from, upto: self.version, floor: self.floor, values }
    }

    pub(super) fn version(&self) -> u64 {
        self.version
    }

    pub(super) fn floor(&self) -> u64 {
        self.floor
    }

    pub(super) fn get(&self, key: &str) -> Option<(u64, &Bytes)> {
        let value = self.values.get(key)?;
        value.bytes.as_ref().map(|bytes| (value.version, bytes))
    }

    /// Returns the values whose keys begin with a prefix, in order of the keys.
    pub(crate) fn scan(&self, prefix: &str) -> impl Iterator<Item = (&Arc<str>, u64, &Bytes)> {
        let from = self.values.range::<str, _>((Bound::Included(prefix), Bound::Unbounded));
        from.take_while(move |(key, _)| key.starts_with(prefix))
            .filter_map(|(key, value)| Some((key, value.version, value.bytes.as_ref()?)))
    }

    pub(super) fn keys(&self) -> impl Iterator<Item = &str> {
        self.values.iter().filter(|(_, value)| value.bytes.is_some()).map(|(key, _)| &**key)
    }
}

fn over(message: &'static str) -> Error {
    Error::new(Code::GossipLimit, message).with_operation("mesh::membership::publish")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(replica: &mut Replica, key: &str, value: &'static str) {
        replica.write(key, Some(value.into())).unwrap();
    }

    #[test]
    fn changes_in_any_order_end_at_the_newest() {
        let mut owner = Replica::default();
        write(&mut owner, "a", "1");
        let first = owner.since(0, 0);
        write(&mut owner, "a", "2");
        let second = owner.since(1, 0);
        let mut other = Replica::default();

        other.apply(second);
        assert_eq!(other.get("a"), None, "a gap is not applied");
        other.apply(owner.since(0, 0));
        other.apply(first);

        assert_eq!(other.get("a").map(|(version, bytes)| (version, &bytes[..])), Some((2, &b"2"[..])));
    }

    #[test]
    fn removed_key_is_gone_elsewhere_even_when_its_removal_is_forgotten() {
        let (mut owner, mut other, mut late) = (Replica::default(), Replica::default(), Replica::default());
        write(&mut owner, "old", "x");
        late.apply(owner.since(0, 0));
        owner.write("old", None).unwrap();
        other.apply(owner.since(0, 0));
        (1..MAX_KEYS).for_each(|key| write(&mut owner, &format!("k{key}"), "y"));
        write(&mut owner, "one more", "z");

        for replica in [&mut other, &mut late] {
            replica.apply(owner.since(replica.version(), replica.floor()));
            assert_eq!(replica.get("old"), None);
            assert_eq!((replica.keys().count(), replica.version()), (MAX_KEYS, owner.version()));
        }
    }

    #[test]
    fn limits_hold_at_their_edge() {
        let mut owner = Replica::default();
        let longest = "k".repeat(MAX_KEY_BYTES);
        let largest = Bytes::from(vec![0; MAX_VALUE_BYTES]);

        assert!(owner.write(&longest, Some(largest.clone())).unwrap());
        assert!(!owner.write(&longest, Some(largest.clone())).unwrap(), "the same value is no change");
        assert_eq!(owner.write(&format!("{longest}k"), None).unwrap_err().code(), Code::GossipLimit);
        let larger = Bytes::from(vec![0; MAX_VALUE_BYTES + 1]);
        assert_eq!(owner.write("k", Some(larger)).unwrap_err().code(), Code::GossipLimit);
        (1..MAX_KEYS).for_each(|key| write(&mut owner, &key.to_string(), ""));
        assert_eq!(owner.write("more", Some(largest)).unwrap_err().code(), Code::GossipLimit);
    }
}
