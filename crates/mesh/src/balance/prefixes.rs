//! What was seen before, in bounded memory and without a lock.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

/// A memory of hashes that forgets the least recently seen.
///
/// A hash belongs to one set of eight, which is one line of the processor's cache, and the eight stand in the order in
/// which they were seen. Two threads that write to one set at once may lose an entry; it is an estimate either way, and
/// no reader ever waits.
pub(super) struct Prefixes {
    sets: Box<[Set]>,
}

#[derive(Default)]
#[repr(align(64))]
struct Set([AtomicU64; WAYS]);

impl Prefixes {
    /// Creates a memory of at least this many hashes, eight bytes each; none remembers nothing.
    pub(super) fn new(entries: usize) -> Self {
        let sets = match entries {
            0 => 0,
            some => some.div_ceil(WAYS).next_power_of_two(),
        };
        Self { sets: (0..sets).map(|_| Set::default()).collect() }
    }

    /// Whether it remembers nothing.
    pub(super) const fn is_off(&self) -> bool {
        self.sets.is_empty()
    }

    /// Remembers a hash and a small number with it. The lower 16 bits of the hash do not count.
    pub(super) fn put(&self, hash: u64, number: u16) {
        let Some(Set(set)) = self.set(hash) else { return };
        let entry = (hash & TAG) | u64::from(number);
        if set[0].load(Ordering::Relaxed) == entry {
            return;
        }
        let known = set.iter().position(|slot| slot.load(Ordering::Relaxed) & TAG == entry & TAG);
        for place in (1..=known.unwrap_or(WAYS - 1)).rev() {
            set[place].store(set[place - 1].load(Ordering::Relaxed), Ordering::Relaxed);
        }
        set[0].store(entry, Ordering::Relaxed);
    }

    /// Returns the number that was put with a hash.
    pub(super) fn find(&self, hash: u64) -> Option<u16> {
        let Set(set) = self.set(hash)?;
        let mut entries = set.iter().map(|slot| slot.load(Ordering::Relaxed));
        entries.find(|entry| *entry != 0 && entry & TAG == hash & TAG).map(|entry| (entry & !TAG) as u16)
    }

    /// How many of the hashes are known: all up to the longest one that is.
    pub(super) fn known(&self, hashes: &[u64]) -> usize {
        // A beginning was put whenever a longer one was, so they are known up to a place, and unknown behind it.
        hashes.partition_point(|hash| self.find(*hash).is_some())
    }

    /// Forgets everything.
    pub(super) fn clear(&self) {
        for slot in self.sets.iter().flat_map(|Set(set)| set) {
            slot.store(0, Ordering::Relaxed);
        }
    }

    fn set(&self, hash: u64) -> Option<&Set> {
        // A power of two, so the mask is one less; of no sets there is none.
        let mask = self.sets.len().checked_sub(1)?;
        self.sets.get((hash >> 16) as usize & mask)
    }
}

impl fmt::Debug for Prefixes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Prefixes").field("entries", &(self.sets.len() * WAYS)).finish()
    }
}

const WAYS: usize = 8;
const TAG: u64 = !0xffff;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn least_recently_seen_is_forgotten() {
        let memory = Prefixes::new(8);
        let hash = |number: u64| number << 16;
        (1..=8).for_each(|number| memory.put(hash(number), number as u16));
        memory.put(hash(1), 9);

        memory.put(hash(10), 10);

        assert_eq!(memory.find(hash(1)), Some(9));
        assert_eq!(memory.find(hash(2)), None);
        assert_eq!((3..=8).filter(|number| memory.find(hash(*number)).is_some()).count(), 6);
        memory.clear();
        assert_eq!(memory.find(hash(10)), None);
    }

    #[test]
    fn memory_of_nothing_remembers_nothing() {
        let memory = Prefixes::new(0);

        memory.put(1 << 16, 1);

        assert!(memory.is_off());
        assert_eq!(memory.known(&[1 << 16]), 0);
    }

    #[test]
    fn known_are_those_up_to_the_longest() {
        let memory = Prefixes::new(1024);
        let hashes: Vec<_> = (1..=20_u64).map(|number| number.wrapping_mul(0x9e37_79b9_7f4a_7c15)).collect();
        hashes[..13].iter().for_each(|hash| memory.put(*hash, 1));

        assert_eq!(memory.known(&hashes), 13);
        assert_eq!(memory.known(&hashes[..5]), 5);
    }
}
