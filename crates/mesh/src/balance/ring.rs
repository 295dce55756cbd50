//! Consistent hashing: each node has its arcs of a circle, and keeps them when others come and go.

/// A ring of places. O(log points) to find the first one, and then O(1) for each further one.
///
/// Sources: Karger et al. 1997; the bound on the load of a place, which its caller keeps, is that of Mirrokni, Thorup and
/// Zadimoghaddam, Consistent Hashing with Bounded Loads, 2016.
#[derive(Debug, Default)]
pub(super) struct Ring {
    points: Vec<(u64, u32)>,
}

impl Ring {
    /// Creates a ring of names with weights; a place is the index of its name.
    pub(super) fn new<'a>(names: impl IntoIterator<Item = (&'a str, f64)>) -> Self {
        let mut points = Vec::new();
        for ((name, weight), place) in names.into_iter().zip(0_u32..) {
            let count = ((POINTS * weight).round() as u64).clamp(1, MOST_POINTS);
            let start = name.bytes().fold(OFFSET, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(PRIME));
            points.extend((0..count).map(|number| (mixed(start ^ number.wrapping_mul(GOLDEN)), place)));
        }
        points.sort_unstable();
        Self { points }
    }

    /// Returns the places behind a key, each once or more, the first one first.
    pub(super) fn behind(&self, key: u64) -> impl Iterator<Item = usize> {
        let start = self.points.partition_point(|(point, _)| *point < mixed(key));
        let (before, behind) = self.points.split_at(start);
        behind.iter().chain(before).map(|(_, place)| *place as usize)
    }
}

/// The finalizer of splitmix64 (Steele, Lea and Flood 2014): spreads what is near over the whole range.
pub(super) const fn mixed(number: u64) -> u64 {
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

/// What splitmix64 steps by.
pub(super) const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;
/// Points of a node of weight 1: the arcs of two nodes then differ by about a tenth.
const POINTS: f64 = 100.0;
const MOST_POINTS: u64 = 1000;
const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const PRIME: u64 = 0x0000_0100_0000_01b3;

#[cfg(test)]
mod tests {
    use super::*;

    const KEYS: u64 = 20_000;

    fn ring(nodes: usize) -> Ring {
        let names: Vec<_> = (0..nodes).map(|node| format!("node-{node}")).collect();
        Ring::new(names.iter().map(|name| (name.as_str(), 1.0)))
    }

    fn first(ring: &Ring, key: u64) -> usize {
        ring.behind(key).next().unwrap()
    }

    #[test]
    fn one_more_node_moves_only_its_share() {
        for nodes in [2, 4, 9] {
            let (before, after) = (ring(nodes), ring(nodes + 1));

            let moved: Vec<_> = (0..KEYS).filter(|key| first(&before, *key) != first(&after, *key)).collect();

            assert!(moved.iter().all(|key| first(&after, *key) == nodes), "only to the new one");
            let fair = KEYS as f64 / (nodes + 1) as f64;
            assert!((moved.len() as f64) < fair * 1.3, "{} of {fair}", moved.len());
        }
    }

    #[test]
    fn arcs_follow_the_weights() {
        let ring = Ring::new([("one", 1.0), ("three", 3.0)]);

        let three = (0..KEYS).filter(|key| first(&ring, *key) == 1).count() as f64 / KEYS as f64;

        assert!((0.68..0.82).contains(&three), "{three}");
    }

    #[test]
    fn every_place_is_behind_every_key() {
        let ring = ring(5);

        let mut places: Vec<_> = ring.behind(u64::MAX).collect();
        places.sort_unstable();
        places.dedup();

        assert_eq!(places, [0, 1, 2, 3, 4]);
    }
}
