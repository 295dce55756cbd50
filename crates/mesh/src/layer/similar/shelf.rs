//! The answers to prompts that may stand for each other.

use super::judge::Judge;
use crate::layer::cache::kept::Kept;
use crate::model::Embedding;
use crate::recall::Vectors;

/// The answers of one scope: each stands in the row of its prompt's vector.
#[derive(Debug)]
pub(super) struct Shelf {
    vectors: Vectors,
    rows: Vec<Option<Entry>>,
}

/// An answer, and what is known of when it is right.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) id: u64,
    /// What the person said.
    pub(super) text: String,
    pub(super) kept: Kept,
    pub(super) said: Said,
    pub(super) judge: Judge,
}

/// What an answer says, so that it can be compared with another one.
#[derive(Clone, Debug)]
pub(super) struct Said {
    pub(super) words: String,
    /// Only if answers are compared by their meaning.
    pub(super) meaning: Option<Embedding>,
}

impl Shelf {
    pub(super) fn new() -> Self {
        // Compares every vector: nobody has to keep a graph.
        Self { vectors: Vectors::new(usize::MAX), rows: Vec::new() }
    }

    pub(super) fn insert(&mut self, embedding: Embedding, entry: Entry) {
        let row = self.vectors.insert(embedding) as usize;
        if row == self.rows.len() {
            self.rows.push(None);
        }
        self.rows[row] = Some(entry);
    }

    /// Finds the nearest answer, and how similar its prompt is. O(answers).
    pub(super) fn nearest(&mut self, embedding: &Embedding) -> Option<(&mut Entry, f32)> {
        let (row, similarity) = self.vectors.nearest(embedding, 1).first().copied()?;
        Some((self.rows[row as usize].as_mut()?, similarity))
    }

    /// Finds an answer by its name. O(answers).
    pub(super) fn entry(&mut self, id: u64) -> Option<&mut Entry> {
        self.rows.iter_mut().flatten().find(|entry| entry.id == id)
    }

    pub(super) fn remove(&mut self, id: u64) -> Option<Entry> {
        let row = self.rows.iter().position(|entry| entry.as_ref().is_some_and(|entry| entry.id == id))?;
        self.vectors.remove(row as u32);
        self.rows[row].take()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.vectors.is_empty()
    }
}

impl Entry {
    /// What it takes beside its texts: the weights of the judge, the vectors, its places.
    const BYTES: usize = 4096;

    pub(super) fn bytes(&self) -> usize {
        Self::BYTES + self.text.len() + self.kept.body.len() + self.said.words.len()
    }
}
