//! What instances tell each other of nodes.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use tokio::time::MissedTickBehavior;

use super::MAX_VALUE_BYTES;
use crate::balance::{Heard, Nodes};
use crate::model::InstanceName;
use crate::port::Gossip;

/// Where a node is, as a number that all instances make of the same URL.
///
/// # Examples
///
/// ```
/// use maily_mesh::membership::Place;
///
/// assert_eq!(Place::of("http://10.0.0.7:8000/v1"), Place::of("http://10.0.0.7:8000/v1/"));
/// assert!(Place::of("candle:").is_none(), "each process has its own");
/// ```
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Place(u64);

/// How a node is, as one instance sees it.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct NodeLoad {
    /// How many prompts of this instance it has now.
    pub inflight: u32,
    /// How many of them wait for their first byte.
    pub waiting: u32,
    /// The expected time to its first byte, in milliseconds.
    pub expected_ms: f32,
    /// Whether the instance sends prompts to it.
    pub available: bool,
    /// Whether it fails there: its breaker is not closed, or it cannot be reached.
    pub failing: bool,
}

impl Place {
    /// Returns the place of a URL that names a host; `None` for one that means this process, such as `candle:`.
    #[must_use]
    pub fn of(url: &str) -> Option<Self> {
        let url = url.trim_end_matches('/');
        // FNV-1a: two instances must agree, and nobody gains by making two nodes look like one.
        let hash = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        url.contains("://").then(|| Self(url.bytes().fold(0xcbf2_9ce4_8422_2325, hash)))
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Place({:016x})", self.0)
    }
}

impl NodeLoad {
    /// Creates the load of a node that is available.
    #[must_use]
    pub const fn new(inflight: u32, waiting: u32, expected_ms: f32) -> Self {
        Self { inflight, waiting, expected_ms, available: true, failing: false }
    }

    /// Returns what all instances together have at a place: their prompts, the longest of the times that they expect,
    /// whether all of them send prompts there, and whether it fails for any.
    ///
    /// `None` when nobody says anything of it.
    pub fn of_all(gossip: &dyn Gossip, place: Place) -> Option<Self> {
        let pages = gossip.scan(PREFIX);
        let said = pages.iter().filter_map(|(_, page)| read(&page.value)).flatten();
        let loads: Vec<Self> = said.filter(|(of, _)| *of == place).map(|(_, load)| load).collect();
        loads.into_iter().reduce(Self::and)
    }

    /// Adds what another node, or another instance, has at the same place.
    pub(crate) fn and(self, other: Self) -> Self {
        Self {
            inflight: self.inflight.saturating_add(other.inflight),
            waiting: self.waiting.saturating_add(other.waiting),
            expected_ms: self.expected_ms.max(other.expected_ms),
            available: self.available && other.available,
            failing: self.failing || other.failing,
        }
    }
}

/// Tells the other instances how nodes are, and the nodes what the others tell, until the future is dropped.
///
/// Told are the first 96 [places](Place), twice a second; heard is ten times a second. So what a node's choice knows of
/// others is at most 0.6 s older than what the gossip knows. Of an instance that is gone nothing counts any more.
///
/// # How far an instance is believed
///
/// What it says changes the order in which nodes are preferred, and never takes one out: the last one that is there is
/// asked whatever is said of it. It counts with at most 2,048 prompts at a node, towards its capacity only; that a node is
/// slow keeps this instance from forgetting what it saw itself, for ten minutes at most; that a node fails holds until this
/// instance has an answer of it, which it asks for once a second.
pub async fn share_load(nodes: Nodes, gossip: Arc<dyn Gossip>) {
    let mut pace = tokio::time::interval(HEAR);
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut told = 0;
    for beat in 0_u64.. {
        pace.tick().await;
        if beat.is_multiple_of(TELL_EACH) {
            told = tell(&nodes.told(), &*gossip, told);
        }
        nodes.hear(&heard(&*gossip));
    }
}

/// Shares the loads in as few values as it takes, and no more than before; returns how many those are.
fn tell(loads: &BTreeMap<Place, NodeLoad>, gossip: &dyn Gossip, before: usize) -> usize {
    let loads: Vec<_> = loads.iter().take(PAGE * MOST_PAGES).collect();
    let pages: Vec<_> = loads.chunks(PAGE).map(page).collect();
    for (number, page) in pages.iter().enumerate() {
        if let Err(err) = gossip.publish(&format!("{PREFIX}{number}"), page.clone()) {
            tracing::debug!(%err, "loads are not shared");
        }
    }
    (pages.len()..before).for_each(|number| {
        gossip.withdraw(&format!("{PREFIX}{number}"));
    });
    pages.len()
}

/// Adds up what the others say, each with as much as it may count for.
fn heard(gossip: &dyn Gossip) -> HashMap<Place, Heard> {
    let myself = gossip.name();
    let mut all: HashMap<Place, (Heard, InstanceName)> = HashMap::new();
    for (_, page) in gossip.scan(PREFIX).into_iter().filter(|(_, page)| page.name != myself) {
        for (place, load) in read(&page.value).into_iter().flatten() {
            let entry = all.entry(place);
            // An instance speaks once of a place, however often it is named.
            if matches!(&entry, std::collections::hash_map::Entry::Occupied(it) if it.get().1 == page.name) {
                continue;
            }
            let (sum, teller) = entry.or_insert_with(|| (Heard::default(), page.name.clone()));
            *teller = page.name.clone();
            sum.inflight = sum.inflight.saturating_add(load.inflight.min(MOST_INFLIGHT));
            sum.expected_ms = sum.expected_ms.max(load.expected_ms);
            sum.failing |= load.failing;
        }
    }
    all.into_iter().map(|(place, (sum, _))| (place, sum)).collect()
}

/// Writes loads one behind the other, each in 21 bytes, little-endian.
fn page(loads: &[(&Place, &NodeLoad)]) -> Bytes {
    let mut page = BytesMut::with_capacity(loads.len() * ENTRY);
    for (place, load) in loads {
        page.put_u64_le(place.0);
        page.put_u32_le(load.inflight);
        page.put_u32_le(load.waiting);
        page.put_f32_le(load.expected_ms);
        page.put_u8(u8::from(load.available) | u8::from(load.failing) << 1);
    }
    page.freeze()
}

/// Reads a page; `None` if it is none.
fn read(page: &[u8]) -> Option<Vec<(Place, NodeLoad)>> {
    let (entries, rest) = page.as_chunks::<ENTRY>();
    let entry = |entry: &[u8; ENTRY]| {
        let mut entry = &entry[..];
        let place = Place(entry.get_u64_le());
        let mut load = NodeLoad::new(entry.get_u32_le(), entry.get_u32_le(), entry.get_f32_le());
        let flags = entry.get_u8();
        (load.available, load.failing) = (flags & 1 == 1, flags & 2 == 2);
        let sound = flags < 4 && load.expected_ms.is_finite() && load.expected_ms >= 0.0;
        sound.then_some((place, load))
    };
    rest.is_empty().then(|| entries.iter().map(entry).collect()).flatten()
}

/// What the keys begin with under which loads are shared.
const PREFIX: &str = "load/";
const ENTRY: usize = 21;
/// How many loads fit into one value.
const PAGE: usize = MAX_VALUE_BYTES / ENTRY;
/// How many values an instance shares loads in: most of its keys are for others.
const MOST_PAGES: usize = 4;
const HEAR: Duration = Duration::from_millis(100);
/// How many times it hears until it tells.
const TELL_EACH: u64 = 5;
/// What one instance counts for at a node at most.
const MOST_INFLIGHT: u32 = 2_048;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::LocalGossip;

    fn place(number: usize) -> Place {
        Place::of(&format!("http://10.0.0.7:{number}/v1")).unwrap()
    }

    fn share(gossip: &LocalGossip, loads: impl IntoIterator<Item = (Place, NodeLoad)>) -> usize {
        tell(&loads.into_iter().collect(), gossip, 0)
    }

    #[test]
    fn loads_are_read_as_they_were_written() {
        let mut loads: BTreeMap<_, _> =
            (0..PAGE).map(|number| (place(number), NodeLoad::new(number as u32, 3, 12.5))).collect();
        loads.values_mut().for_each(|load| (load.available, load.failing) = (false, true));

        let written = page(&loads.iter().collect::<Vec<_>>());

        assert!(written.len() <= MAX_VALUE_BYTES);
        assert_eq!(read(&written).unwrap(), loads.into_iter().collect::<Vec<_>>());
        assert_eq!(read(&written[1..]), None);
        assert_eq!(read(&[0xff; ENTRY]), None);
    }

    #[test]
    fn loads_of_all_instances_add_up() {
        let [east, west] = LocalGossip::pair();
        assert_eq!(NodeLoad::of_all(&east, place(1)), None);

        share(&east, [(place(1), NodeLoad::new(2, 1, 10.0))]);
        share(&west, [(place(1), NodeLoad { failing: true, ..NodeLoad::new(3, 0, 30.0) })]);

        let all = NodeLoad { failing: true, ..NodeLoad::new(5, 1, 30.0) };
        assert_eq!(NodeLoad::of_all(&east, place(1)), Some(all));
        assert_eq!(heard(&east)[&place(1)], Heard { inflight: 3, expected_ms: 30.0, failing: true });
    }

    #[test]
    fn pages_that_are_not_needed_any_more_are_withdrawn() {
        let [east, west] = LocalGossip::pair();
        let loads = |count| (0..count).map(|number| (place(number), NodeLoad::new(1, 1, 1.0)));

        let before = share(&east, loads(PAGE * MOST_PAGES + 7));
        assert_eq!((before, heard(&west).len()), (MOST_PAGES, PAGE * MOST_PAGES));
        let after = tell(&loads(PAGE + 1).collect(), &east, before);

        assert_eq!((after, west.scan(PREFIX).len(), heard(&west).len()), (2, 2, PAGE + 1));
    }

    #[test]
    fn instance_that_exaggerates_counts_for_its_limit_and_once() {
        let [east, west] = LocalGossip::pair();
        let lie = NodeLoad::new(u32::MAX, u32::MAX, 0.0);
        let twice = page(&[(&place(1), &lie), (&place(1), &lie)]);
        west.publish("load/0", twice.clone()).unwrap();
        west.publish("load/1", twice).unwrap();
        west.publish("load/2", "no page".into()).unwrap();

        let most = Heard { inflight: MOST_INFLIGHT, expected_ms: 0.0, failing: false };
        assert_eq!(heard(&east)[&place(1)], most);
    }
}
