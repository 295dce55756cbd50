//! The memories of one tenant, and how they are searched.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::Arc;

use super::codes::{Code, Codes};
use super::fuse::fuse;
use super::graph::{Graph, Healed, Links};
use super::scan;
use super::words::{self, Counted, Words};
use crate::model::{Archived, Embedding};

/// The memories of one tenant.
///
/// A memory stands in a row; the row of one that was forgotten is used again. As long as there are few, every row is
/// compared. With more, a graph leads to the near ones, and only the rows that wait to be put into it are all compared.
#[derive(Debug, Default)]
pub(super) struct Shelf {
    rows: Vec<Option<Arc<Archived>>>,
    free: Vec<u32>,
    /// The rows by the numbers of their memories, so the oldest first.
    numbers: BTreeMap<u64, u32>,
    codes: Codes,
    words: Words,
    graph: Option<Graph>,
    /// Rows that are not in the graph yet.
    waiting: BTreeSet<u32>,
    /// Rows that were forgotten and still lead the way in the graph.
    dead: BTreeSet<u32>,
    healing: Option<Healing>,
    cared_for: bool,
}

/// A memory with what a shelf wants to know of it, found out before the shelf is locked.
#[derive(Debug)]
pub(super) struct Prepared {
    memory: Arc<Archived>,
    code: Code,
    words: Counted,
}

/// A walk over all rows, after which the rows that were dead when it began can go.
#[derive(Debug)]
struct Healing {
    dead: Vec<bool>,
    next: u32,
}

/// What is to be done next, found out while others read.
#[derive(Debug)]
pub(super) enum Step {
    Heal { next: u32, healed: Vec<Healed> },
    Link { number: u64, links: Links },
    Settle,
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
    /// Puts a memory on the shelf.
    pub(super) fn insert(&mut self, prepared: Prepared) {
        let Prepared { memory, code, words } = prepared;
        let row = self.free.pop().unwrap_or(self.rows.len() as u32);
        if row as usize == self.rows.len() {
            self.rows.push(None);
        }
        self.codes.put(row, code.as_ref());
        self.words.add(row, words);
        self.numbers.insert(memory.number, row);
        self.rows[row as usize] = Some(memory);
        if self.graph.is_some() {
            self.waiting.insert(row);
        }
    }

    /// Takes a memory from the shelf.
    pub(super) fn remove(&mut self, number: u64) -> Option<Arc<Archived>> {
        let row = self.numbers.remove(&number)?;
        let memory = self.rows[row as usize].take()?;
        self.words.remove(row, &memory.text);
        self.waiting.remove(&row);
        if self.graph.as_ref().is_some_and(|graph| graph.holds(row)) {
            self.dead.insert(row);
        } else {
            self.free.push(row);
        }
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

    /// Returns how many memories there are.
    pub(super) fn len(&self) -> usize {
        self.numbers.len()
    }

    /// Returns the numbers of all memories, the oldest first.
    pub(super) fn numbers(&self) -> impl Iterator<Item = u64> {
        self.numbers.keys().copied()
    }

    /// Returns how many memories the graph has not got yet.
    pub(super) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Returns about how many values a search compares.
    pub(super) fn work(&self, dimension: usize) -> usize {
        let compared = if self.graph.is_some() { self.waiting.len() } else { self.rows.len() };
        compared * dimension + self.words.len()
    }

    /// Finds the memories that fit a query best and have not ended, best first.
    pub(super) fn search(&self, text: &str, embedding: &Embedding, limit: usize, now_ms: u64) -> Vec<Found<'_>> {
        // Deeper than what is asked for, because a row may be good in both rankings and first in none.
        let depth = (limit * 4).max(MIN_DEPTH);
        let lives = |row: u32| self.memory(row).is_some_and(|memory| memory.lives(now_ms));
        let similarity =
            |row: u32| self.memory(row).map_or(-1.0, |memory| memory.embedding.cosine(embedding));
        let code = Code::new(embedding);
        let nearest = |rows: Option<&[u32]>| {
            scan::nearest(&self.codes, code.as_ref(), rows, depth, lives, similarity)
        };
        let meaning = match &self.graph {
            None => nearest(None),
            Some(graph) => {
                let found = graph.nearest(&self.codes, code.as_ref(), depth.max(MIN_WIDTH), lives);
                let mut rows: Vec<u32> = found.iter().map(|near| near.row()).collect();
                rows.extend(&self.waiting);
                nearest(Some(&rows))
            }
        };
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

// What is done between the calls, so that they stay fast.
impl Shelf {
    /// Returns whether there may be something to be done and nobody does it.
    pub(super) fn needs_care(&self, exact: usize) -> bool {
        let graph_rows = self.graph.as_ref().map_or(0, Graph::len);
        let undone = self.graph.is_none() && self.len() > exact
            || !self.waiting.is_empty()
            || self.dead.len() * MOST_DEAD > graph_rows;
        undone && !self.cared_for
    }

    /// Says whether somebody does it; returns whether somebody did.
    pub(super) const fn set_cared_for(&mut self, cared_for: bool) -> bool {
        std::mem::replace(&mut self.cared_for, cared_for)
    }

    /// Returns what is to be done next for a shelf that compares every row up to `exact` of them, if anything.
    pub(super) fn plan(&self, exact: usize) -> Option<Step> {
        let Some(graph) = &self.graph else {
            return (self.len() > exact).then_some(Step::Settle);
        };
        // Half as many, so that a shelf on the border does not build its graph again and again.
        if self.len() <= exact / 2 {
            return Some(Step::Settle);
        }
        if let Some(row) = self.waiting.first() {
            let links = graph.plan(&self.codes, *row, |row| self.memory(row).is_some());
            return self.memory(*row).map(|memory| Step::Link { number: memory.number, links });
        }
        match &self.healing {
            None => (self.dead.len() * MOST_DEAD > graph.len()).then_some(Step::Settle),
            Some(Healing { dead, next }) => {
                let dead = |row: u32| dead.get(row as usize).is_some_and(|dead| *dead);
                let last = (next + HEALED_AT_ONCE).min(self.rows.len() as u32);
                if *next == last {
                    return Some(Step::Settle);
                }
                let rows = (*next..last).filter(|row| graph.holds(*row) && !dead(*row));
                let healed = rows.filter_map(|row| graph.plan_healing(&self.codes, row, dead)).collect();
                Some(Step::Heal { next: last, healed })
            }
        }
    }

    /// Does what was planned. Nobody but the one who planned may have done a step since.
    pub(super) fn take(&mut self, step: Step, exact: usize) {
        match (step, &mut self.graph) {
            (Step::Link { number, links }, Some(graph)) => {
                // It may have been forgotten since, and its row have another memory.
                if self.numbers.get(&number) == Some(&links.row()) && self.waiting.remove(&links.row()) {
                    graph.link(&self.codes, links);
                }
            }
            (Step::Heal { next, healed }, Some(graph)) => {
                healed.into_iter().for_each(|healed| graph.heal(healed));
                if let Some(healing) = &mut self.healing {
                    healing.next = next;
                }
            }
            (Step::Settle, _) => self.settle(exact),
            (_, None) => {}
        }
    }

    fn settle(&mut self, exact: usize) {
        let few = self.len() <= exact / 2;
        match (&mut self.graph, self.healing.take()) {
            (None, _) => {
                self.graph = Some(Graph::default());
                self.waiting = self.numbers.values().copied().collect();
            }
            (Some(_), _) if few => {
                self.graph = None;
                self.waiting.clear();
                self.free.extend(std::mem::take(&mut self.dead));
            }
            (Some(_), None) => {
                let mut dead = vec![false; self.rows.len()];
                self.dead.iter().for_each(|row| dead[*row as usize] = true);
                self.healing = Some(Healing { dead, next: 0 });
            }
            (Some(graph), Some(Healing { dead, .. })) => {
                let rows = (0..).zip(dead).filter(|(_, dead)| *dead);
                let rows: Vec<u32> = rows.map(|(row, _)| row).collect();
                graph.take_out(&rows);
                for row in rows {
                    self.dead.remove(&row);
                    self.free.push(row);
                }
            }
        }
    }
}

/// How deep both rankings go at least.
const MIN_DEPTH: usize = 50;
/// How many rows the graph is searched for at least: `ef` of the paper.
const MIN_WIDTH: usize = 96;
/// Rows that are looked at in one step of healing: a store may wait for them, a millisecond at most.
const HEALED_AT_ONCE: u32 = 16;
/// The graph is healed when more than one in so many rows is dead.
const MOST_DEAD: usize = 8;

#[cfg(test)]
mod tests;
