//! The memories of one tenant, and how they are searched.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use super::codes::Code;
use super::fuse::fuse;
use super::vectors::Vectors;
use super::words::{self, Counted, Words};
use crate::model::{Archived, Embedding};

/// The memories of one tenant: each stands in a row of the vectors, and of the words.
#[derive(Debug)]
pub(super) struct Shelf {
    rows: Vec<Option<Arc<Archived>>>,
    /// The rows by the numbers of their memories, so the oldest first.
    numbers: BTreeMap<u64, u32>,
    pub(super) vectors: Vectors,
    words: Words,
    cared_for: bool,
}

/// A memory with what a shelf wants to know of it, found out before the shelf is locked.
#[derive(Debug)]
pub(super) struct Prepared {
    memory: Arc<Archived>,
    code: Code,
    words: Counted,
}

/// A memory that was found.
#[derive(Debug)]
pub(super) struct Found<'a> {
    pub(super) memory: &'a Arc<Archived>,
    pub(super) score: f32,
    pub(super) similarity: f32,
    pub(super) words: f32,
}

impl Prepared {
    pub(super) fn new(memory: Arc<Archived>) -> Self {
        Self { code: Code::new(&memory.embedding), words: words::count(&memory.text), memory }
    }

    pub(super) const fn memory(&self) -> &Arc<Archived> {
        &self.memory
    }
}

impl Shelf {
    pub(super) fn new(exact: usize) -> Self {
        Self {
            rows: Vec::new(),
            numbers: BTreeMap::new(),
            vectors: Vectors::new(exact),
            words: Words::default(),
            cared_for: false,
        }
    }

    /// Puts a memory on the shelf.
    pub(super) fn insert(&mut self, prepared: Prepared) {
        let Prepared { memory, code, words } = prepared;
        let row = self.vectors.put(memory.embedding.clone(), &code);
        if row as usize == self.rows.len() {
            self.rows.push(None);
        }
        self.words.add(row, words);
        self.numbers.insert(memory.number, row);
        self.rows[row as usize] = Some(memory);
    }

    /// Takes a memory from the shelf.
    pub(super) fn remove(&mut self, number: u64) -> Option<Arc<Archived>> {
        let row = self.numbers.remove(&number)?;
        let memory = self.rows[row as usize].take()?;
        self.words.remove(row, &memory.text);
        self.vectors.remove(row);
        Some(memory)
    }

    /// Returns a memory.
    pub(super) fn get(&self, number: u64) -> Option<&Arc<Archived>> {
        self.numbers.get(&number).and_then(|row| self.memory(*row))
    }

    /// Returns the memories with a number above this one, the oldest first.
    pub(super) fn after(&self, number: u64) -> impl Iterator<Item = &Arc<Archived>> {
        let numbers = self.numbers.range((Bound::Excluded(number), Bound::Unbounded));
        numbers.filter_map(|(_, row)| self.memory(*row))
    }

    /// Returns the numbers of all memories, the oldest first.
    pub(super) fn numbers(&self) -> impl Iterator<Item = u64> {
        self.numbers.keys().copied()
    }

    /// Returns about how many values a search compares.
    pub(super) fn work(&self, dimension: usize) -> usize {
        self.vectors.compared() * dimension + self.words.work()
    }

    /// Says whether somebody does what is done between the calls; returns whether somebody did.
    pub(super) const fn set_cared_for(&mut self, cared_for: bool) -> bool {
        std::mem::replace(&mut self.cared_for, cared_for)
    }

    /// Returns whether there may be something to be done and nobody does it.
    pub(super) fn needs_care(&self) -> bool {
        !self.cared_for && self.vectors.needs_care()
    }

    /// Finds the memories that fit a query best and have not ended, best first.
    pub(super) fn search(
        &self,
        text: &str,
        embedding: &Embedding,
        limit: usize,
        now_ms: u64,
    ) -> Vec<Found<'_>> {
        // Deeper than what is asked for, because a row may be good in both rankings and first in none.
        let depth = (limit * 4).max(MIN_DEPTH);
        let lives = |row: u32| self.memory(row).is_some_and(|memory| memory.lives(now_ms));
        let meaning = self.vectors.nearest_of(embedding, depth, lives);
        let words = self.words.search(text, depth, lives);
        let mut found: Vec<_> = fuse(&meaning, &words)
            .into_iter()
            .filter_map(|fused| {
                let memory = self.memory(fused.row)?;
                let similarity = memory.embedding.cosine(embedding);
                Some(Found { memory, score: fused.score, similarity, words: fused.words })
            })
            .collect();
        // Of two that fit equally the nearer is first, then the older.
        found.sort_unstable_by(|left, right| {
            let by_score = right.score.total_cmp(&left.score);
            let by_similarity = by_score.then_with(|| right.similarity.total_cmp(&left.similarity));
            by_similarity.then_with(|| left.memory.number.cmp(&right.memory.number))
        });
        found.truncate(limit);
        found
    }

    #[inline]
    fn memory(&self, row: u32) -> Option<&Arc<Archived>> {
        self.rows[row as usize].as_ref()
    }
}

/// How deep both rankings go at least.
const MIN_DEPTH: usize = 50;
