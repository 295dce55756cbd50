//! The graph for many rows: Hierarchical Navigable Small World.
//!
//! Every row has links to near rows on the ground, and one in sixteen of them also on the floor above, and so on.
//! A search goes down from the top, on each floor to the nearest row, and on the ground keeps the best that it meets.
//! It compares in eight bits; who asks compares the best again in full.
//!
//! Rows that are removed still lead the way until [`Graph::heal`] has moved their links to their neighbours.
//!
//! Source: Malkov and Yashunin, Efficient and robust approximate nearest neighbor search using Hierarchical Navigable
//! Small World graphs, algorithms 1, 2 and 4; the healing is algorithm 4 of Singh et al., `FreshDiskANN`.

mod build;
mod search;

pub(super) use self::build::{Healed, Links};

/// The links among rows.
#[derive(Debug, Default)]
pub(super) struct Graph {
    /// The links on the ground, by row.
    ground: Vec<List<GROUND>>,
    /// The links above, by row; none for most.
    upper: Vec<Box<[List<UPPER>]>>,
    /// Whether a row is in the graph.
    there: Vec<bool>,
    /// Where a search begins: a row of the highest floor.
    entry: Option<u32>,
    count: usize,
}

/// Links to other rows; the first [`NONE`] ends them.
type List<const MOST: usize> = [u32; MOST];

impl Graph {
    /// Returns how many rows it holds, with those that are removed but still lead the way.
    pub(super) const fn len(&self) -> usize {
        self.count
    }

    /// Returns whether it holds a row.
    pub(super) fn holds(&self, row: u32) -> bool {
        self.there.get(row as usize).is_some_and(|there| *there)
    }

    /// Returns how many floors above the ground a row has.
    fn height(&self, row: u32) -> usize {
        self.upper[row as usize].len()
    }

    fn links(&self, row: u32, floor: usize) -> &[u32] {
        let list: &[u32] = match floor.checked_sub(1) {
            None => &self.ground[row as usize],
            Some(above) => &self.upper[row as usize][above],
        };
        list.split(|link| *link == NONE).next().unwrap_or_default()
    }

    fn set_links(&mut self, row: u32, floor: usize, links: &[u32]) {
        let list: &mut [u32] = match floor.checked_sub(1) {
            None => &mut self.ground[row as usize],
            Some(above) => &mut self.upper[row as usize][above],
        };
        let (taken, rest) = list.split_at_mut(links.len());
        taken.copy_from_slice(links);
        rest.fill(NONE);
    }
}

/// Returns how many links a row may have on a floor.
const fn most_links(floor: usize) -> usize {
    if floor == 0 { GROUND } else { UPPER }
}

/// Mixes the bits of a number. Source: `splitmix64` by Sebastiano Vigna, public domain.
pub(super) const fn mix(number: u64) -> u64 {
    let mixed = number.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}

/// The most links of a row above the ground: `M` of the paper.
const UPPER: usize = 16;
/// The most links of a row on the ground.
const GROUND: usize = 2 * UPPER;
/// No link.
const NONE: u32 = u32::MAX;

#[cfg(test)]
mod tests;
