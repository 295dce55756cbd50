//! Who is known, what is believed of them, and what two tables lack of each other.

use std::collections::btree_map::Entry as Slot;
use std::collections::{BTreeMap, HashSet};
use std::net::SocketAddr;
use std::time::Duration;

use super::MAX_INSTANCES;
use super::event::{Event, Stats};
use super::peer::{Claim, PeerStatus, Record, Suspicion};
use super::replica::{Changes, Replica};
use super::wire::Entry;
use crate::model::InstanceName;

/// This instance and all that it knows of others.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) name: InstanceName,
    pub(super) address: SocketAddr,
    pub(super) claim: Claim,
    pub(super) replica: Replica,
    pub(super) peers: BTreeMap<InstanceName, Record>,
    pub(super) events: Vec<Event>,
    pub(super) stats: Stats,
}

/// What another instance lacks.
#[derive(Debug)]
pub(super) enum Item {
    Entry(Entry),
    Changes(InstanceName, u64, Changes),
}

impl Table {
    pub(super) fn new(name: InstanceName, address: SocketAddr, generation: u64) -> Self {
        Self {
            name,
            address,
            claim: Claim { generation, incarnation: 0, status: PeerStatus::Alive },
            replica: Replica::default(),
            peers: BTreeMap::new(),
            events: Vec::new(),
            stats: Stats::default(),
        }
    }

    /// Takes in what somebody says of an instance.
    pub(super) fn hear(&mut self, entry: &Entry, teller: &InstanceName, now: Duration) {
        if entry.name == self.name {
            self.hear_of_myself(entry);
            return;
        }
        if entry.claim.generation == 0 {
            return;
        }
        let room = self.peers.len() < MAX_INSTANCES - 1;
        match self.peers.entry(entry.name.clone()) {
            Slot::Vacant(slot) => {
                let Some(address) = entry.address.filter(|_| entry.claim.status.is_live()) else { return };
                if !room {
                    self.stats.refused += 1;
                    return;
                }
                // Whether it is suspected the others know; here its life begins.
                let claim = Claim { status: PeerStatus::Alive, ..entry.claim };
                let record = slot.insert(Record::new(claim, address, now));
                self.events.push(Event::Joined(record.to_peer(&entry.name)));
            }
            Slot::Occupied(slot) => {
                let record = slot.into_mut();
                if let Some(event) = believe(record, entry, teller, now) {
                    self.events.push(event(record.to_peer(&entry.name)));
                }
            }
        }
    }

    /// Objects to being called worse than alive, and outlives an earlier life of this name.
    fn hear_of_myself(&mut self, entry: &Entry) {
        let Claim { generation, incarnation, status } = entry.claim;
        // A clock that went back, or two starts in one millisecond.
        if generation > self.claim.generation
            || generation == self.claim.generation && entry.version > self.replica.version()
        {
            self.outlive(generation);
        } else if generation == self.claim.generation
            && status != PeerStatus::Alive
            && incarnation >= self.claim.incarnation
            && self.claim.status == PeerStatus::Alive
        {
            self.claim.incarnation = incarnation.saturating_add(1);
            self.stats.refuted += 1;
        }
    }

    pub(super) fn outlive(&mut self, generation: u64) {
        self.claim.generation = generation.saturating_add(1);
        self.claim.incarnation = 0;
        self.stats.conflicts += 1;
    }

    /// Takes in what an instance shares.
    pub(super) fn apply(&mut self, name: &InstanceName, generation: u64, changes: Changes) {
        let Some(record) = self.peers.get_mut(name) else { return };
        if record.claim.generation == generation {
            let news = record.replica.apply(changes);
            self.events.extend(news.into_iter().map(|key| Event::Changed { name: name.clone(), key }));
        }
    }

    /// Returns what one who knows `told` lacks and, if it asks, what it could tell.
    pub(super) fn difference(&self, told: &[Entry], asking: bool) -> Vec<Item> {
        let mut items = Vec::new();
        for entry in told {
            if entry.name == self.name {
                let known = entry.claim.generation == self.claim.generation;
                self.add_changes(&mut items, &self.name, self.claim, &self.replica, known.then_some(entry));
                continue;
            }
            let Some(record) = self.peers.get(&entry.name) else {
                if asking && entry.claim.status.is_live() && entry.claim.generation > 0 {
                    items.push(Item::Entry(nothing_known(&entry.name)));
                }
                continue;
            };
            let known = record.claim.generation == entry.claim.generation;
            let behind = record.claim.generation < entry.claim.generation
                || known && record.replica.version() < entry.version;
            if record.claim > entry.claim || asking && behind {
                let mut mine = entry_of(&entry.name, record);
                mine.address = (record.claim.generation > entry.claim.generation).then_some(record.address);
                items.push(Item::Entry(mine));
            }
            if record.claim.generation >= entry.claim.generation {
                self.add_changes(
                    &mut items,
                    &entry.name,
                    record.claim,
                    &record.replica,
                    known.then_some(entry),
                );
            }
        }
        items
    }

    /// Returns those that `told` leaves out between two names, and what they share.
    pub(super) fn missing(
        &self,
        told: &[Entry],
        low: Option<&InstanceName>,
        high: Option<&InstanceName>,
    ) -> Vec<Item> {
        let mut items = Vec::new();
        let within =
            |name: &InstanceName| low.is_none_or(|low| name >= low) && high.is_none_or(|high| name < high);
        let told: HashSet<&InstanceName> = told.iter().map(|entry| &entry.name).collect();
        let left_out = |name: &InstanceName| !told.contains(name);
        if within(&self.name) && left_out(&self.name) {
            self.add_changes(&mut items, &self.name, self.claim, &self.replica, None);
        }
        for (name, record) in &self.peers {
            if record.claim.status.is_live() && within(name) && left_out(name) {
                items.push(Item::Entry(Entry { address: Some(record.address), ..entry_of(name, record) }));
                self.add_changes(&mut items, name, record.claim, &record.replica, None);
            }
        }
        items
    }

    fn add_changes(
        &self,
        items: &mut Vec<Item>,
        name: &InstanceName,
        claim: Claim,
        replica: &Replica,
        known: Option<&Entry>,
    ) {
        let (version, floor) = known.map_or((0, 0), |entry| (entry.version, entry.floor));
        if replica.version() > version {
            items.push(Item::Changes(name.clone(), claim.generation, replica.since(version, floor)));
        }
    }

    /// Returns this instance as an entry, with its address.
    pub(super) fn myself(&self) -> Entry {
        Entry {
            name: self.name.clone(),
            claim: self.claim,
            own_eyes: false,
            version: self.replica.version(),
            floor: self.replica.floor(),
            address: Some(self.address),
        }
    }

    /// Returns how many instances are there, this one included.
    pub(super) fn live(&self) -> usize {
        1 + self.peers.values().filter(|record| record.claim.status.is_live()).count()
    }
}

/// Returns what is known of an instance, without its address.
pub(super) fn entry_of(name: &InstanceName, record: &Record) -> Entry {
    Entry {
        name: name.clone(),
        claim: record.claim,
        own_eyes: record.suspicion.as_ref().is_some_and(|suspicion| suspicion.own_eyes),
        version: record.replica.version(),
        floor: record.replica.floor(),
        address: None,
    }
}

fn nothing_known(name: &InstanceName) -> Entry {
    Entry { name: name.clone(), claim: Claim::NONE, own_eyes: false, version: 0, floor: 0, address: None }
}

type MakeEvent = fn(super::Peer) -> Event;

/// Changes a record by what a teller says, if it is the greater claim.
fn believe(record: &mut Record, entry: &Entry, teller: &InstanceName, now: Duration) -> Option<MakeEvent> {
    let was = record.claim.status;
    if entry.claim.generation > record.claim.generation {
        *record = Record::new(entry.claim, entry.address?, now);
        return match entry.claim.status {
            PeerStatus::Alive => Some(Event::Joined),
            PeerStatus::Suspect => {
                record.suspicion = Some(Suspicion::new(now));
                Some(Event::Joined)
            }
            PeerStatus::Dead => was.is_live().then_some(Event::Died as MakeEvent),
            PeerStatus::Left => was.is_live().then_some(Event::Left as MakeEvent),
        };
    }
    let witness = entry.own_eyes && entry.claim.status == PeerStatus::Suspect;
    if entry.claim == record.claim && witness {
        record.suspicion.get_or_insert_with(|| Suspicion::new(now)).witness(teller);
    }
    // Who left in this life does not come back in it.
    if entry.claim <= record.claim
        || entry.claim.generation < record.claim.generation
        || was == PeerStatus::Left
    {
        return None;
    }
    let silent = record.suspicion.as_ref().is_some_and(|suspicion| record.heard_at <= suspicion.since);
    let status = match entry.claim.status {
        // Hearsay does not kill: who is not suspected here, or was heard meanwhile, may object first. Without
        // this, two halves that meet again would bury each other's living.
        PeerStatus::Dead if was.is_live() && !silent => PeerStatus::Suspect,
        status => status,
    };
    let later = entry.claim.incarnation > record.claim.incarnation;
    set_status(record, Claim { status, ..entry.claim }, now);
    match status {
        PeerStatus::Suspect => {
            if later || record.suspicion.is_none() {
                record.suspicion = Some(Suspicion::new(now));
            }
            if let Some(suspicion) = record.suspicion.as_mut().filter(|_| witness) {
                suspicion.witness(teller);
            }
        }
        _ => record.suspicion = None,
    }
    event_of(was, status)
}

/// Changes what is believed of an instance.
pub(super) fn set_status(record: &mut Record, claim: Claim, now: Duration) {
    if claim.status != record.claim.status {
        record.changed_at = now;
    }
    record.claim = claim;
}

pub(super) fn event_of(was: PeerStatus, is: PeerStatus) -> Option<MakeEvent> {
    match (was, is) {
        (PeerStatus::Suspect, PeerStatus::Alive) => Some(Event::Recovered),
        (PeerStatus::Dead, PeerStatus::Alive | PeerStatus::Suspect) => Some(Event::Joined),
        (PeerStatus::Alive, PeerStatus::Suspect) => Some(Event::Suspected),
        (PeerStatus::Alive | PeerStatus::Suspect, PeerStatus::Dead) => Some(Event::Died),
        (PeerStatus::Alive | PeerStatus::Suspect, PeerStatus::Left) => Some(Event::Left),
        _ => None,
    }
}
