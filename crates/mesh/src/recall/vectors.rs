//! Vectors, and how the near ones are found.

use std::collections::BTreeSet;
use std::mem;

use super::codes::{Code, Codes};
use super::graph::{Graph, Healed, Links};
use super::near::Near;
use super::scan;
use crate::model::Embedding;

/// Vectors in rows, of which the nearest are found.
///
/// Up to `exact` vectors, every row is compared and nothing is missed. With more, a graph leads to the near ones, and
/// only the rows that wait to be put into it are all compared. All vectors have one dimension, 65 536 at most.
///
/// # Examples
///
/// ```
/// use maily_mesh::Embedding;
/// use maily_mesh::recall::Vectors;
///
/// let mut vectors = Vectors::new(20_000);
/// let north = vectors.insert(Embedding::normalized(vec![0.0, 1.0]));
/// let east = vectors.insert(Embedding::normalized(vec![1.0, 0.0]));
///
/// let query = Embedding::normalized(vec![0.9, 0.1]);
/// assert_eq!(vectors.nearest(&query, 1)[0].0, east);
/// vectors.remove(east);
/// assert_eq!(vectors.nearest(&query, 1)[0].0, north);
/// ```
#[derive(Debug)]
pub struct Vectors {
    exact: usize,
    rows: Vec<Option<Embedding>>,
    /// Rows without a vector, to be used again.
    free: Vec<u32>,
    codes: Codes,
    graph: Option<Graph>,
    /// Rows that are not in the graph yet.
    waiting: BTreeSet<u32>,
    /// Rows that were removed and still lead the way in the graph.
    dead: BTreeSet<u32>,
    healing: Option<Healing>,
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
    Link(Links, Embedding),
    Settle,
}

impl Vectors {
    /// Creates vectors without any.
    #[must_use]
    pub fn new(exact: usize) -> Self {
        Self {
            exact,
            rows: Vec::new(),
            free: Vec::new(),
            codes: Codes::default(),
            graph: None,
            waiting: BTreeSet::new(),
            dead: BTreeSet::new(),
            healing: None,
        }
    }

    /// Adds a vector and returns its row. The row of a vector that was removed is used again.
    pub fn insert(&mut self, embedding: Embedding) -> u32 {
        let code = Code::new(&embedding);
        self.put(embedding, &code)
    }

    /// Adds a vector whose code is known.
    pub(super) fn put(&mut self, embedding: Embedding, code: &Code) -> u32 {
        let row = self.free.pop().unwrap_or(self.rows.len() as u32);
        if row as usize == self.rows.len() {
            self.rows.push(None);
        }
        self.codes.put(row, code.as_ref());
        self.rows[row as usize] = Some(embedding);
        if self.graph.is_some() {
            self.waiting.insert(row);
        }
        row
    }

    /// Removes a vector; returns whether there was one.
    pub fn remove(&mut self, row: u32) -> bool {
        let removed = self.rows.get_mut(row as usize).and_then(Option::take).is_some();
        if removed {
            self.waiting.remove(&row);
            if self.graph.as_ref().is_some_and(|graph| graph.holds(row)) {
                self.dead.insert(row);
            } else {
                self.free.push(row);
            }
        }
        removed
    }

    /// Returns how many vectors there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len() - self.free.len() - self.dead.len()
    }

    /// Returns whether there is no vector.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns how many vectors the graph has not got yet.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Finds the rows of the nearest vectors with their cosines, best first; of two equal ones, the earlier row.
    #[must_use]
    pub fn nearest(&self, query: &Embedding, limit: usize) -> Vec<(u32, f32)> {
        let found = self.nearest_of(query, limit, |row| self.row(row).is_some());
        found.into_iter().map(|near| (near.row(), near.score())).collect()
    }

    /// Finds the nearest rows among those that are wanted, best first.
    pub(super) fn nearest_of(
        &self,
        query: &Embedding,
        limit: usize,
        wanted: impl Fn(u32) -> bool + Copy,
    ) -> Vec<Near> {
        let code = Code::new(query);
        let exact = |row: u32| self.row(row).map_or(-1.0, |embedding| embedding.cosine(query));
        let compare =
            |rows: Option<&[u32]>| scan::nearest(&self.codes, code.as_ref(), rows, limit, wanted, exact);
        let Some(graph) = &self.graph else { return compare(None) };
        let found = graph.nearest(&self.codes, code.as_ref(), limit.max(MIN_WIDTH), wanted);
        let mut rows: Vec<u32> = found.iter().map(|near| near.row()).collect();
        rows.extend(&self.waiting);
        compare(Some(&rows))
    }

    /// Returns how many vectors a search compares one by one.
    pub(super) fn compared(&self) -> usize {
        if self.graph.is_some() { self.waiting.len() } else { self.rows.len() }
    }

    fn row(&self, row: u32) -> Option<&Embedding> {
        self.rows[row as usize].as_ref()
    }
}

// What is done between the calls, so that they stay fast.
impl Vectors {
    /// Puts every vector that waits into the graph, and heals it.
    pub fn settle(&mut self) {
        while let Some(step) = self.plan() {
            self.take(step);
        }
    }

    /// Returns whether there may be something to be done.
    pub(super) fn needs_care(&self) -> bool {
        match &self.graph {
            None => self.len() > self.exact,
            Some(graph) => !self.waiting.is_empty() || self.dead.len() * MOST_DEAD > graph.len(),
        }
    }

    /// Returns what is to be done next, if anything.
    pub(super) fn plan(&self) -> Option<Step> {
        let Some(graph) = &self.graph else {
            return (self.len() > self.exact).then_some(Step::Settle);
        };
        // Half as many, so that vectors on the border do not build their graph again and again.
        if self.len() <= self.exact / 2 {
            return Some(Step::Settle);
        }
        if let Some(row) = self.waiting.first() {
            let links = graph.plan(&self.codes, *row, |row| self.row(row).is_some());
            return self.row(*row).map(|embedding| Step::Link(links, embedding.clone()));
        }
        let Some(Healing { dead, next }) = &self.healing else {
            return (self.dead.len() * MOST_DEAD > graph.len()).then_some(Step::Settle);
        };
        let last = (next + HEALED_AT_ONCE).min(self.rows.len() as u32);
        if *next == last {
            return Some(Step::Settle);
        }
        let dead = |row: u32| dead.get(row as usize).is_some_and(|dead| *dead);
        let rows = (*next..last).filter(|row| graph.holds(*row) && !dead(*row));
        let healed = rows.filter_map(|row| graph.plan_healing(&self.codes, row, dead)).collect();
        Some(Step::Heal { next: last, healed })
    }

    /// Does what was planned. Nobody but the one who planned may have done a step since.
    pub(super) fn take(&mut self, step: Step) {
        match (step, &mut self.graph) {
            (Step::Link(links, embedding), Some(graph)) => {
                // It may have been removed since, and its row have another vector.
                let row = links.row();
                let same = self.rows[row as usize].as_ref().is_some_and(|now| now.is_same(&embedding));
                if same && self.waiting.remove(&row) {
                    graph.link(&self.codes, links);
                }
            }
            (Step::Heal { next, healed }, Some(graph)) => {
                healed.into_iter().for_each(|healed| graph.heal(healed));
                if let Some(healing) = &mut self.healing {
                    healing.next = next;
                }
            }
            (Step::Settle, _) => self.turn(),
            (_, None) => {}
        }
    }

    /// Begins or ends a graph, or a walk that heals it.
    fn turn(&mut self) {
        let few = self.len() <= self.exact / 2;
        match (&mut self.graph, self.healing.take()) {
            (None, _) => {
                self.graph = Some(Graph::default());
                let taken = (0..).zip(&self.rows).filter(|(_, embedding)| embedding.is_some());
                self.waiting = taken.map(|(row, _)| row).collect();
            }
            (Some(_), _) if few => {
                self.graph = None;
                self.waiting.clear();
                self.free.extend(mem::take(&mut self.dead));
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

/// How many rows the graph is searched for at least: `ef` of the paper.
const MIN_WIDTH: usize = 96;
/// Rows that are looked at in one step of healing: a store may wait for them, a millisecond at most.
const HEALED_AT_ONCE: u32 = 16;
/// The graph is healed when more than one in so many rows is dead.
const MOST_DEAD: usize = 8;

#[cfg(test)]
mod tests;
