//! The words of a text, and which memories hold them.
//!
//! The score is BM25 with k1 = 1.2 and b = 0.75.
//!
//! Source: Robertson and Zaragoza, The Probabilistic Relevance Framework: BM25 and Beyond, section 3.4; the weight of a
//! word as Lucene has it, which is never negative. What is left out follows Turtle and Flood, Query Evaluation:
//! Strategies and Optimizations (`MaxScore`).

use std::collections::HashMap;

use unicode_segmentation::UnicodeSegmentation;

use super::near::{Best, Near};

/// Which rows hold which words, and how often.
#[derive(Debug, Default)]
pub(super) struct Words {
    holders: HashMap<Box<str>, Vec<Holder>>,
    /// How many words a row has.
    lengths: Vec<u32>,
    rows: usize,
    total: u64,
}

/// A row that holds a word, in the order of the rows.
#[derive(Clone, Copy, Debug)]
struct Holder {
    row: u32,
    times: u32,
}

/// The words of a text, and how often each is there.
pub(super) type Counted = HashMap<String, u32>;

/// Counts the words of a text as Unicode splits them, without their case.
///
/// Source: Unicode Standard Annex 29, section 4. Upper case first, so that `ß` finds `SS` and all sigmas are one.
pub(super) fn count(text: &str) -> Counted {
    let mut words = HashMap::new();
    for word in text.unicode_words() {
        let folded = if word.is_ascii() {
            word.to_ascii_lowercase()
        } else {
            word.chars().flat_map(char::to_uppercase).flat_map(char::to_lowercase).collect()
        };
        *words.entry(folded).or_default() += 1;
    }
    words
}

impl Words {
    /// Adds the words of a row.
    pub(super) fn add(&mut self, row: u32, words: Counted) {
        let mut length = 0;
        for (word, times) in words {
            length += times;
            let holders = self.holders.entry(word.into_boxed_str()).or_default();
            let at = holders.partition_point(|holder| holder.row < row);
            holders.insert(at, Holder { row, times });
        }
        let at = row as usize;
        if at >= self.lengths.len() {
            self.lengths.resize(at + 1, 0);
        }
        self.lengths[at] = length;
        self.rows += 1;
        self.total += u64::from(length);
    }

    /// Removes the words of a row, which are those of its text.
    pub(super) fn remove(&mut self, row: u32, text: &str) {
        for word in count(text).into_keys() {
            if let Some(holders) = self.holders.get_mut(word.as_str()) {
                if let Ok(at) = holders.binary_search_by_key(&row, |holder| holder.row) {
                    holders.remove(at);
                }
                if holders.is_empty() {
                    self.holders.remove(word.as_str());
                }
            }
        }
        self.rows -= 1;
        self.total -= u64::from(std::mem::take(&mut self.lengths[row as usize]));
    }

    /// Returns about how many holders a search looks at.
    pub(super) const fn work(&self) -> usize {
        self.rows * 8
    }

    /// Finds the rows that share words with a query, at most `limit`, best first.
    ///
    /// The score is a part of what a row of average length with each word of the query once has, 1.0 at most. Of a long
    /// query the rarest words count, [`MOST_WORDS`] of them.
    pub(super) fn search(&self, query: &str, limit: usize, lives: impl Fn(u32) -> bool) -> Vec<Near> {
        let none = Vec::new();
        let words = count(query).into_keys();
        let mut words: Vec<(f32, &Vec<Holder>, String)> = words
            .map(|word| {
                let holders = self.holders.get(word.as_str()).unwrap_or(&none);
                (self.weight(holders.len()), holders, word)
            })
            .collect();
        // The rarest first; equal ones by name, so that the sums are rounded alike each time.
        words.sort_unstable_by(|left, right| right.0.total_cmp(&left.0).then_with(|| left.2.cmp(&right.2)));
        words.truncate(MOST_WORDS);
        let whole: f32 = words.iter().map(|(weight, ..)| weight).sum();
        words.retain(|(_, holders, _)| !holders.is_empty());

        let mut rest: f32 = words.iter().map(|(weight, ..)| weight * (K1 + 1.0)).sum();
        let mut scores = Scores::new(self.lengths.len());
        let mut closed = false;
        for (weight, holders, _) in &words {
            if closed && scores.met.len() * 16 < holders.len() {
                for row in &scores.met {
                    if let Ok(at) = holders.binary_search_by_key(row, |holder| holder.row) {
                        scores.sums[*row as usize] += weight * self.saturation(holders[at]);
                    }
                }
            } else {
                for holder in *holders {
                    let first = scores.sums[holder.row as usize] == 0.0;
                    if first && (closed || !lives(holder.row)) {
                        continue;
                    }
                    if first {
                        scores.met.push(holder.row);
                    }
                    scores.sums[holder.row as usize] += weight * self.saturation(*holder);
                }
            }
            rest -= weight * (K1 + 1.0);
            // Who was not met yet can only have what is left.
            let worst = scores.worst_of(limit);
            // A little more, for what the rounding of the sums may have taken.
            let most = rest + whole * 1e-5;
            closed = worst.is_some_and(|worst| worst > most);
            if let Some(worst) = worst.filter(|_| closed) {
                scores.keep_from(worst - most);
            }
        }

        let mut best = Best::new(limit);
        for row in scores.met {
            best.offer(Near::new(scores.sums[row as usize] / whole, row));
        }
        let mut best = best.into_sorted();
        // Once they are in order: a shorter text than the average may have more, and is before one that has just that.
        for near in &mut best {
            *near = Near::new(near.score().min(1.0), near.row());
        }
        best
    }

    /// Returns how much a word says that so many rows hold.
    fn weight(&self, holders: usize) -> f32 {
        let (rows, holders) = (self.rows as f32, holders as f32);
        ((rows - holders + 0.5) / (holders + 0.5)).ln_1p()
    }

    /// Returns how much a row says about a word that it holds, below `K1 + 1`.
    fn saturation(&self, holder: Holder) -> f32 {
        let average = self.total as f32 / self.rows as f32;
        let length = self.lengths[holder.row as usize] as f32;
        let times = holder.times as f32;
        times * (K1 + 1.0) / (times + K1 * (1.0 - B + B * length / average))
    }
}

/// The sums of the rows that were met.
struct Scores {
    sums: Vec<f32>,
    met: Vec<u32>,
}

impl Scores {
    fn new(rows: usize) -> Self {
        Self { sums: vec![0.0; rows], met: Vec::new() }
    }

    /// Returns the worst of the `limit` best sums, once there are so many.
    fn worst_of(&self, limit: usize) -> Option<f32> {
        if self.met.len() < limit {
            return None;
        }
        let mut sums: Vec<f32> = self.met.iter().map(|row| self.sums[*row as usize]).collect();
        let (_, worst, _) = sums.select_nth_unstable_by(limit - 1, |left, right| right.total_cmp(left));
        Some(*worst)
    }

    /// Keeps the rows whose sum is so much or more.
    fn keep_from(&mut self, least: f32) {
        let Self { sums, met } = self;
        met.retain(|row| {
            let stays = sums[*row as usize] >= least;
            if !stays {
                sums[*row as usize] = 0.0;
            }
            stays
        });
    }
}

/// How soon a word that comes again says nothing new.
const K1: f32 = 1.2;
/// How much the length of a text counts.
const B: f32 = 0.75;
/// The most words of a query that count.
const MOST_WORDS: usize = 64;
