//! How rows come into the graph and leave it.
//!
//! Each step is planned first, which only reads, and then made, which is short: searches go on meanwhile.

use super::super::codes::Codes;
use super::super::near::Near;
use super::{Graph, NONE, UPPER, mix, most_links};

/// The links that a row is to have, the ground first.
#[derive(Debug)]
pub(in crate::recall) struct Links {
    row: u32,
    floors: Vec<Vec<u32>>,
}

/// New links of a row on some floors.
#[derive(Debug)]
pub(in crate::recall) struct Healed {
    row: u32,
    floors: Vec<(usize, Vec<u32>)>,
}

impl Links {
    /// Returns whose links these are.
    pub(in crate::recall) const fn row(&self) -> u32 {
        self.row
    }
}

impl Graph {
    /// Finds the links of a row that is not in the graph yet. Only rows that live are linked to.
    pub(in crate::recall) fn plan(&self, codes: &Codes, row: u32, lives: impl Fn(u32) -> bool) -> Links {
        let height = height_of(row);
        let mut floors = vec![Vec::new(); height + 1];
        if let Some(entry) = self.entry {
            let code = codes.code(row);
            let top = self.height(entry).min(height);
            let mut from = vec![self.descend(codes, code, entry, top)];
            for floor in (0..=top).rev() {
                let found = self.walk(codes, code, from, WIDTH, floor, &lives);
                floors[floor] = select(codes, row, &found, UPPER);
                // Without a row that lives on this floor, the search goes on where it began.
                from = if found.is_empty() { vec![self.descend(codes, code, entry, floor)] } else { found };
            }
        }
        Links { row, floors }
    }

    /// Puts a row into the graph.
    pub(in crate::recall) fn link(&mut self, codes: &Codes, links: Links) {
        let Links { row, floors } = links;
        let at = row as usize;
        if at >= self.there.len() {
            self.ground.resize(at + 1, [NONE; _]);
            self.upper.resize(at + 1, Box::default());
            self.there.resize(at + 1, false);
        }
        let height = floors.len() - 1;
        self.upper[at] = vec![[NONE; UPPER]; height].into_boxed_slice();
        self.there[at] = true;
        self.count += 1;
        for (floor, links) in floors.iter().enumerate() {
            self.set_links(row, floor, links);
            for other in links {
                self.link_back(codes, *other, row, floor);
            }
        }
        if self.entry.is_none_or(|entry| self.height(entry) < height) {
            self.entry = Some(row);
        }
    }

    /// Links a row to a new one; of too many links those stay that lead into different directions.
    fn link_back(&mut self, codes: &Codes, row: u32, new: u32, floor: usize) {
        let mut links = self.links(row, floor).to_vec();
        links.push(new);
        if links.len() > most_links(floor) {
            links = select(codes, row, &by_nearness(codes, row, &links), most_links(floor));
        }
        self.set_links(row, floor, &links);
    }

    /// Finds links of a row that lead around the rows that are dead, if it has links to such.
    pub(in crate::recall) fn plan_healing(
        &self,
        codes: &Codes,
        row: u32,
        dead: impl Fn(u32) -> bool,
    ) -> Option<Healed> {
        let mut floors = Vec::new();
        for floor in 0..=self.height(row) {
            let links = self.links(row, floor);
            if !links.iter().any(|link| dead(*link)) {
                continue;
            }
            let mut around: Vec<u32> = Vec::new();
            for link in links {
                if dead(*link) {
                    around.extend(self.links(*link, floor));
                } else {
                    around.push(*link);
                }
            }
            around.sort_unstable();
            around.dedup();
            around.retain(|link| *link != row && !dead(*link));
            let around = by_nearness(codes, row, &around);
            floors.push((floor, select(codes, row, &around, most_links(floor))));
        }
        (!floors.is_empty()).then_some(Healed { row, floors })
    }

    /// Gives a row the links that were planned.
    pub(in crate::recall) fn heal(&mut self, healed: Healed) {
        for (floor, links) in healed.floors {
            self.set_links(healed.row, floor, &links);
        }
    }

    /// Takes rows out of the graph to which no link leads any more.
    pub(in crate::recall) fn take_out(&mut self, rows: &[u32]) {
        for row in rows {
            self.there[*row as usize] = false;
            self.ground[*row as usize] = [NONE; _];
            self.upper[*row as usize] = Box::default();
        }
        self.count -= rows.len();
        if self.entry.is_some_and(|entry| !self.holds(entry)) {
            let there = (0_u32..).zip(&self.there).filter(|(_, there)| **there);
            self.entry = there.map(|(row, _)| row).max_by_key(|row| self.height(*row));
        }
    }
}

/// Returns how near some rows are to one.
fn by_nearness(codes: &Codes, row: u32, rows: &[u32]) -> Vec<Near> {
    let mut found = Vec::with_capacity(rows.len());
    codes.near(codes.code(row), rows, &mut Vec::new(), |row, score| found.push(Near::new(score, row)));
    found
}

/// Chooses links of a row, at most so many: each is nearer to the row than to any that is chosen before.
///
/// When there are fewer than half of `most`, the nearest of the others fill up. Equal ones are taken in an order that is
/// another for each row: else all of many equal texts would link to the same few, and the rest could not be reached.
fn select(codes: &Codes, row: u32, found: &[Near], most: usize) -> Vec<u32> {
    let shuffled = |near: &Near| mix(u64::from(near.row()) << 32 | u64::from(row));
    let mut found = found.to_vec();
    found.sort_unstable_by(|left, right| {
        right.score().total_cmp(&left.score()).then_with(|| shuffled(left).cmp(&shuffled(right)))
    });
    let mut chosen: Vec<u32> = Vec::with_capacity(most);
    let (mut others, mut sums) = (Vec::new(), Vec::new());
    for near in found {
        if chosen.len() == most {
            break;
        }
        let mut nearest = f32::MIN;
        codes.near(codes.code(near.row()), &chosen, &mut sums, |_, score| nearest = nearest.max(score));
        if nearest < near.score() {
            chosen.push(near.row());
        } else {
            others.push(near.row());
        }
    }
    let missing = (most / 2).saturating_sub(chosen.len());
    chosen.extend(others.into_iter().take(missing));
    chosen
}

/// Returns how high a row stands: one in [`UPPER`] stands above the ground, one in so many of them higher.
fn height_of(row: u32) -> usize {
    let mut bits = mix(u64::from(row) ^ SEED);
    let mut height = 0;
    while height < HIGHEST && bits.is_multiple_of(UPPER as u64) {
        bits /= UPPER as u64;
        height += 1;
    }
    height
}

/// How many rows a search for links looks at: `efConstruction` of the paper.
const WIDTH: usize = 128;
/// Floors above the ground: 16^7 is more than there are rows.
const HIGHEST: usize = 7;
/// So that heights differ from other uses of the same numbers.
const SEED: u64 = 0x6D61_696C;
