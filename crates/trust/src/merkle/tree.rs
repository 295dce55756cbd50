//! The growing tree.

use std::num::NonZeroUsize;
use std::thread;

use maily_errors::{Code, Error, Public};

use super::hash::{Hash, empty_root, node_hash};

/// A Merkle tree that only grows, with a proof from any earlier state to any later one.
///
/// Holds 64 bytes per leaf: every complete subtree is kept, so that a root or a proof for *any* size that
/// the tree ever had costs O(log² n) and no leaf is hashed twice.
#[derive(Clone, Debug, Default)]
pub struct Tree {
    /// `levels[k][i]` is the root of the complete subtree of leaves `i << k .. (i + 1) << k`.
    levels: Vec<Vec<Hash>>,
}

impl Tree {
    /// Creates a tree without leaves.
    #[must_use]
    pub const fn new() -> Self {
        Self { levels: Vec::new() }
    }

    /// Builds a tree from leaf hashes, on all cores when there are many. Runs in O(n).
    #[must_use]
    pub fn from_leaves(leaves: Vec<Hash>) -> Self {
        let mut levels = vec![leaves];
        while let Some(below) = levels.last()
            && below.len() > 1
        {
            let above = pair_up(below);
            levels.push(above);
        }
        Self { levels }
    }

    /// Appends the hash of a leaf. Runs in O(1), amortized.
    pub fn push(&mut self, leaf: Hash) {
        let mut hash = leaf;
        for level in 0.. {
            if self.levels.len() == level {
                self.levels.push(Vec::new());
            }
            let row = &mut self.levels[level];
            row.push(hash);
            let [.., left, right] = row.as_slice() else { break };
            if row.len() % 2 == 1 {
                break;
            }
            hash = node_hash(left, right);
        }
    }

    /// Returns how many leaves there are.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.levels.first().map_or(0, Vec::len) as u64
    }

    /// Returns whether there is no leaf.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the hash of a leaf.
    #[must_use]
    pub fn leaf(&self, index: u64) -> Option<Hash> {
        self.levels.first()?.get(usize::try_from(index).ok()?).copied()
    }

    /// Returns the root over all leaves.
    #[must_use]
    pub fn root(&self) -> Hash {
        if self.is_empty() { empty_root() } else { self.range(0, self.len()) }
    }

    /// Returns the root that the tree had with its first `size` leaves.
    ///
    /// # Errors
    ///
    /// [`Code::MerkleInvalid`] when the tree has fewer leaves.
    pub fn root_at(&self, size: u64) -> Result<Hash, Error> {
        if size > self.len() {
            return Err(out_of_range("merkle::root_at", size, self.len()));
        }
        Ok(if size == 0 { empty_root() } else { self.range(0, size) })
    }

    /// Proves that leaf `index` is among the first `size` leaves: the siblings on its way up, leaf first.
    ///
    /// # Errors
    ///
    /// [`Code::MerkleInvalid`] unless `index < size <= len`.
    ///
    /// Source: RFC 9162, section 2.1.3.1.
    pub fn inclusion(&self, index: u64, size: u64) -> Result<Vec<Hash>, Error> {
        if size > self.len() || index >= size {
            return Err(out_of_range("merkle::inclusion", index, size.min(self.len())));
        }
        let (mut begin, mut end) = (0, size);
        let mut path = Vec::new();
        while end - begin > 1 {
            let middle = begin + split(end - begin);
            if index < middle {
                path.push(self.range(middle, end));
                end = middle;
            } else {
                path.push(self.range(begin, middle));
                begin = middle;
            }
        }
        path.reverse();
        Ok(path)
    }

    /// Proves that the first `old` leaves are a prefix of the first `new` leaves.
    ///
    /// # Errors
    ///
    /// [`Code::MerkleInvalid`] unless `1 <= old <= new <= len`: nothing follows from an empty tree, so a
    /// proof from size 0 is refused rather than empty.
    ///
    /// Source: RFC 9162, section 2.1.4.1.
    pub fn consistency(&self, old: u64, new: u64) -> Result<Vec<Hash>, Error> {
        if old == 0 || old > new || new > self.len() {
            return Err(out_of_range("merkle::consistency", old, new.min(self.len())));
        }
        let (mut begin, mut end) = (0, new);
        let mut whole = true;
        let mut path = Vec::new();
        while old != end {
            let middle = begin + split(end - begin);
            if old <= middle {
                path.push(self.range(middle, end));
                end = middle;
            } else {
                path.push(self.range(begin, middle));
                begin = middle;
                whole = false;
            }
        }
        if !whole {
            path.push(self.range(begin, end));
        }
        path.reverse();
        Ok(path)
    }

    /// Returns the root of the leaves `begin..end`, which is not empty and whose complete halves are kept.
    fn range(&self, begin: u64, end: u64) -> Hash {
        let size = end - begin;
        if size.is_power_of_two() && begin.is_multiple_of(size) {
            let level = size.trailing_zeros();
            return self.levels[level as usize][(begin >> level) as usize];
        }
        let middle = begin + split(size);
        node_hash(&self.range(begin, middle), &self.range(middle, end))
    }
}

impl Extend<Hash> for Tree {
    fn extend<I: IntoIterator<Item = Hash>>(&mut self, leaves: I) {
        leaves.into_iter().for_each(|leaf| self.push(leaf));
    }
}

impl FromIterator<Hash> for Tree {
    fn from_iter<I: IntoIterator<Item = Hash>>(leaves: I) -> Self {
        Self::from_leaves(leaves.into_iter().collect())
    }
}

/// Returns the largest power of two below `size`, which is at least 2.
const fn split(size: u64) -> u64 {
    1 << (u64::BITS - 1 - (size - 1).leading_zeros())
}

fn out_of_range(operation: &'static str, index: u64, size: u64) -> Error {
    Error::new(Code::MerkleInvalid, "the tree has no such state")
        .with_operation(operation)
        .with_context("index", Public(index))
        .with_context("size", Public(size))
}

/// Below this many nodes a second thread costs more than it brings.
const PARALLEL_FROM: usize = 1 << 14;

fn pair_up(below: &[Hash]) -> Vec<Hash> {
    let count = below.len() / 2;
    let workers = thread::available_parallelism().map_or(1, NonZeroUsize::get).min(count / PARALLEL_FROM);
    if workers < 2 {
        return hash_pairs(below);
    }
    let share = count.div_ceil(workers) * 2;
    thread::scope(|scope| {
        let work: Vec<_> = below.chunks(share).map(|chunk| scope.spawn(move || hash_pairs(chunk))).collect();
        let mut above = Vec::with_capacity(count);
        for worker in work {
            above.extend(worker.join().expect("hashing does not panic"));
        }
        above
    })
}

fn hash_pairs(below: &[Hash]) -> Vec<Hash> {
    below.as_chunks::<2>().0.iter().map(|[left, right]| node_hash(left, right)).collect()
}
