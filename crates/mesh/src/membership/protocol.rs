//! The state machine: packets and time in, packets and events out.

use std::collections::{BTreeSet, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use maily_errors::Result;
use rand::rngs::StdRng;
use rand::seq::{IteratorRandom, SliceRandom};
use rand::{RngExt, SeedableRng};

use super::event::{Event, Output, Stats};
use super::peer::{Claim, Peer, PeerStatus};
use super::probe::Probes;
use super::replica::Replica;
use super::seal;
use super::settings::Settings;
use super::shared::Shared;
use super::table::{Item, Table, entry_of, event_of, set_status};
use super::window::Arrival;
use super::wire::{self, Kind, Packet, Writer};
use crate::model::InstanceName;

/// The most packets that answer one.
const MAX_ANSWERS: usize = 4;
/// How many are asked to reach whom this instance cannot.
const HELPERS: usize = 3;
/// To how many others an instance says that it leaves.
const FAREWELLS: usize = 8;

/// One instance among its peers: what it knows, and what it does next.
///
/// It has no socket, no clock and no source of randomness: packets and the time are given, and what it wants
/// is taken with [`poll_output`](Self::poll_output), after each call until there is none. So the same seed and
/// the same packets give the same history. See the [module](super) for the protocol and its limits.
#[derive(Debug)]
pub struct Membership {
    settings: Settings,
    table: Table,
    random: StdRng,
    probes: Probes,
    /// Whom to talk to next, so that everybody has a turn before anybody has a second one.
    ring: Vec<InstanceName>,
    /// Where the next packet begins, in a mesh that does not fit into one.
    cursor: Option<InstanceName>,
    sequence: u64,
    next_round: Duration,
    round: u64,
    outputs: VecDeque<Output>,
}

impl Membership {
    /// Creates an instance that knows nobody yet.
    ///
    /// `seed` must be random and secret, as the nonces of packets come out of it; only simulations repeat one.
    /// `now` is the time since any fixed moment, here and in all other calls.
    ///
    /// # Errors
    ///
    /// [`Code::Invalid`](maily_errors::Code::Invalid) as [`Settings::check`] says.
    pub fn new(settings: Settings, seed: [u8; 32], now: Duration) -> Result<Self> {
        settings.check()?;
        Ok(Self {
            table: Table::new(settings.name.clone(), settings.address, settings.generation),
            settings,
            random: StdRng::from_seed(seed),
            probes: Probes::default(),
            ring: Vec::new(),
            cursor: None,
            sequence: 0,
            next_round: now,
            round: 0,
            outputs: VecDeque::new(),
        })
    }

    /// Shares a value under a key with all others; the same value again is no news.
    ///
    /// # Errors
    ///
    /// [`Code::GossipLimit`](maily_errors::Code::GossipLimit) for an empty key, a key of more than 64 bytes, a value
    /// of more than 512 bytes, or a 65th key.
    pub fn publish(&mut self, key: &str, value: Bytes) -> Result<()> {
        self.table.replica.write(key, Some(value)).map(drop)
    }

    /// Stops sharing a key; returns whether it was shared.
    pub fn withdraw(&mut self, key: &str) -> bool {
        self.table.replica.write(key, None).unwrap_or(false)
    }

    /// Says to up to eight others that this instance leaves. It does nothing any more after that.
    pub fn leave(&mut self) {
        if !self.has_left() {
            self.table.claim.status = PeerStatus::Left;
            let live = self.table.peers.values().filter(|record| record.claim.status.is_live());
            let addresses = live.map(|record| record.address).sample(&mut self.random, FAREWELLS);
            // Twice, because nobody answers it; the others tell the rest.
            for to in addresses.iter().chain(&addresses) {
                self.send(*to, &Kind::Rest, Vec::new());
            }
        }
    }

    /// Takes a packet, and opens it in place.
    ///
    /// A packet that is not sealed with the key, that came before, or that cannot be read changes nothing but
    /// [`stats`](Self::stats), and is answered by nothing. A packet that asks is answered at the address that its
    /// sealed contents name, never at the one it came from.
    pub fn handle(&mut self, packet: &mut [u8], now: Duration) {
        self.table.stats.received += 1;
        self.table.stats.received_bytes += packet.len() as u64;
        let Some(contents) = self.settings.key.open(packet) else {
            self.table.stats.rejected += 1;
            return;
        };
        match wire::read(contents) {
            Some(packet) if !self.has_left() => self.take(packet, now),
            _ => self.table.stats.ignored += 1,
        }
    }

    fn take(&mut self, packet: Packet, now: Duration) {
        let Some(sender) = packet.from.address else { return };
        if packet.from.name == self.table.name {
            // The packet of an own seed is none of another life.
            if packet.from.claim.generation > self.table.claim.generation {
                self.table.outlive(packet.from.claim.generation);
            }
            return;
        }
        let known = self.table.peers.get(&packet.from.name).map(|record| record.claim.generation);
        if known.is_some_and(|generation| generation > packet.from.claim.generation) {
            self.table.stats.ignored += 1;
            // Its clock went back: it takes the name over once it knows.
            if let Kind::Ask { number, .. } = packet.kind {
                let items = self.table.difference(&[packet.from], true);
                self.send(sender, &Kind::Answer { number }, items);
            }
            return;
        }
        if !self.admit(&packet, now) {
            return;
        }

        let refuted = self.table.stats.refuted + self.table.stats.conflicts;
        for entry in &packet.entries {
            self.table.hear(entry, &packet.from.name, now);
        }
        for (name, generation, changes) in packet.changes {
            self.table.apply(&name, generation, changes);
        }
        let refuted = refuted != self.table.stats.refuted + self.table.stats.conflicts;
        self.outputs.extend(self.table.events.drain(..).map(Output::Event));

        let mut told = packet.entries;
        told.push(packet.from);
        match packet.kind {
            Kind::Ask { number, low, high } => {
                let mut items = self.table.difference(&told, true);
                items.extend(self.table.missing(&told, low.as_ref(), high.as_ref()));
                self.send(sender, &Kind::Answer { number }, items);
            }
            Kind::Answer { number } => {
                let items = self.table.difference(&told, false);
                if refuted || !items.is_empty() {
                    self.send(sender, &Kind::Rest, items);
                }
                if let Some((asker, number)) = self.probes.answered(number) {
                    self.send(asker, &Kind::Reached { number }, Vec::new());
                }
            }
            Kind::AskFor { number, target } => {
                if let Some(record) = self.table.peers.get(&target) {
                    let address = record.address;
                    let own = self.probes.relay(sender, number, now);
                    self.ask(Some(&target), address, own);
                }
            }
            Kind::Reached { number } => {
                let target = self.probes.reached(number);
                if let Some(record) = target.and_then(|target| self.table.peers.get_mut(&target)) {
                    record.heard_at = now;
                }
            }
            Kind::Rest if refuted => self.send(sender, &Kind::Rest, Vec::new()),
            Kind::Rest => {}
        }
    }

    /// Takes in the sender of a packet; returns whether the packet is not a replayed one.
    fn admit(&mut self, packet: &Packet, now: Duration) -> bool {
        let from = &packet.from;
        // Known already: the window decides before anything changes.
        let same = |record: &&mut super::peer::Record| record.claim.generation == from.claim.generation;
        if !self.table.peers.get_mut(&from.name).is_some_and(|record| same(&record)) {
            self.table.hear(from, &from.name, now);
        }
        let Some(record) = self.table.peers.get_mut(&from.name).filter(same) else { return false };
        match record.window.accept(packet.sequence) {
            Arrival::Replayed => {
                self.table.stats.replayed += 1;
                return false;
            }
            Arrival::Newest => record.heard_at = now,
            Arrival::Late => {}
        }
        self.table.hear(from, &from.name, now);
        true
    }

    /// Does what is due. Call it at [`next_tick`](Self::next_tick), or later.
    pub fn tick(&mut self, now: Duration) {
        if now < self.next_round || self.has_left() {
            return;
        }
        // Who slept must not take the silence of the others, who did not, for their death.
        let late = now - self.next_round;
        if late > self.settings.interval {
            self.probes.postpone(late);
            let suspicions = self.table.peers.values_mut().filter_map(|record| record.suspicion.as_mut());
            suspicions.for_each(|suspicion| suspicion.since += late);
        }
        self.round += 1;
        // Spread a little, so that instances that start together do not talk together for ever.
        let spread = self.random.random_range(0.9..1.1);
        self.next_round = now + self.settings.interval.mul_f64(spread);

        self.follow_probes(now);
        self.condemn(now);
        self.talk(now);
        if self.round.is_multiple_of(2) {
            self.call_the_lost();
        }
        let forget_after = self.settings.forget_after;
        self.table.peers.retain(|_, record| {
            record.claim.status.is_live() || now.saturating_sub(record.changed_at) < forget_after
        });
        self.outputs.extend(self.table.events.drain(..).map(Output::Event));
    }

    /// Asks helpers for whom did not answer in time, and suspects whom they do not reach either.
    fn follow_probes(&mut self, now: Duration) {
        let interval = self.settings.interval;
        for (number, target) in self.probes.unanswered(now, interval) {
            let live = self
                .table
                .peers
                .iter()
                .filter(|(name, record)| record.claim.status == PeerStatus::Alive && **name != target);
            for to in live.map(|(_, record)| record.address).sample(&mut self.random, HELPERS) {
                self.send(to, &Kind::AskFor { number, target: target.clone() }, Vec::new());
            }
        }
        for (target, asked_at) in self.probes.failed(now, interval * 3) {
            let Some(record) = self.table.peers.get_mut(&target) else { continue };
            if record.heard_at > asked_at || !record.claim.status.is_live() {
                continue;
            }
            let was = record.claim.status;
            record.suspicion.get_or_insert_with(|| super::peer::Suspicion::new(now)).own_eyes = true;
            set_status(record, Claim { status: PeerStatus::Suspect, ..record.claim }, now);
            if let Some(event) = event_of(was, PeerStatus::Suspect) {
                self.table.events.push(event(record.to_peer(&target)));
            }
        }
    }

    /// Declares dead whose suspicion has run out in silence.
    fn condemn(&mut self, now: Duration) {
        let live = self.table.live();
        for (name, record) in &mut self.table.peers {
            let Some(suspicion) = &mut record.suspicion else { continue };
            if now < suspicion.since + suspicion.lasts(self.settings.suspicion, live) {
                continue;
            }
            // It speaks, but has not yet heard that it is suspected.
            if record.heard_at > suspicion.since {
                suspicion.since = now;
                continue;
            }
            record.suspicion = None;
            set_status(record, Claim { status: PeerStatus::Dead, ..record.claim }, now);
            self.table.events.push(Event::Died(record.to_peer(name)));
        }
    }

    /// Talks to the next one in turn, and to those that this instance suspects.
    fn talk(&mut self, now: Duration) {
        let suspected =
            |record: &super::peer::Record| record.suspicion.as_ref().is_some_and(|it| it.own_eyes);
        let mut targets: Vec<_> = self
            .table
            .peers
            .iter()
            .filter(|(_, record)| suspected(record))
            .map(|(name, _)| name.clone())
            .collect();
        targets.truncate(HELPERS);
        if let Some(next) = self.next_in_turn().filter(|next| !targets.contains(next)) {
            targets.push(next);
        }
        for target in targets {
            let Some(record) = self.table.peers.get(&target) else { continue };
            let address = record.address;
            let number = self.probes.begin(target.clone(), now);
            self.ask(Some(&target), address, number);
        }
    }

    fn next_in_turn(&mut self) -> Option<InstanceName> {
        for _ in 0..2 {
            while let Some(name) = self.ring.pop() {
                if self.table.peers.get(&name).is_some_and(|record| record.claim.status.is_live()) {
                    return Some(name);
                }
            }
            let live = self.table.peers.iter().filter(|(_, record)| record.claim.status.is_live());
            self.ring = live.map(|(name, _)| name.clone()).collect();
            self.ring.shuffle(&mut self.random);
        }
        None
    }

    /// Talks to one that is dead, and to a seed where nobody is known: so halves that were parted meet again.
    fn call_the_lost(&mut self) {
        let dead = self.table.peers.iter().filter(|(_, record)| record.claim.status == PeerStatus::Dead);
        if let Some((name, address)) =
            dead.map(|(name, record)| (name.clone(), record.address)).choose(&mut self.random)
        {
            let number = self.probes.number();
            self.ask(Some(&name), address, number);
        }
        let table = &self.table;
        let known = |seed: &SocketAddr| {
            *seed == table.address
                || table.peers.values().any(|record| record.address == *seed && record.claim.status.is_live())
        };
        let seed = self.settings.seeds.iter().filter(|seed| !known(seed)).copied().choose(&mut self.random);
        if let Some(seed) = seed {
            let number = self.probes.number();
            self.ask(None, seed, number);
        }
    }

    /// Says what is known, and asks for the rest.
    fn ask(&mut self, target: Option<&InstanceName>, to: SocketAddr, number: u32) {
        let low = self.cursor.take();
        let mut high = None;
        // Twice at most: what does not fit is left for the next one, and the limit stands in the head.
        for _ in 0..2 {
            let kind = Kind::Ask { number, low: low.clone(), high: high.clone() };
            let mut writer = self.writer(&kind);
            // The one that is asked learns what is said of it, wherever its name stands.
            if let Some((name, record)) = target.and_then(|target| self.table.peers.get_key_value(target)) {
                writer.entry(&entry_of(name, record));
            }
            let range =
                self.table.peers.iter().skip_while(|(name, _)| low.as_ref().is_some_and(|low| *name < low));
            let mut last = None;
            let mut full = false;
            for (name, record) in range.take_while(|(name, _)| high.as_ref().is_none_or(|high| *name < high))
            {
                if Some(name) != target && !writer.entry(&entry_of(name, record)) {
                    full = true;
                    break;
                }
                last = Some(name.clone());
            }
            if full && last.is_some() {
                high = last;
                self.sequence -= 1;
                continue;
            }
            self.cursor = high;
            self.finish(to, &writer);
            return;
        }
    }

    /// Sends what another lacks, in as few packets as it takes, and at least one.
    fn send(&mut self, to: SocketAddr, kind: &Kind, items: Vec<Item>) {
        let mut writer = self.writer(kind);
        let mut left = MAX_ANSWERS;
        let mut items = VecDeque::from(items);
        while let Some(item) = items.pop_front() {
            let rest = match item {
                Item::Entry(entry) if writer.entry(&entry) => None,
                Item::Entry(entry) => Some(Item::Entry(entry)),
                Item::Changes(name, generation, changes) => writer
                    .changes(&name, generation, changes)
                    .map(|changes| Item::Changes(name, generation, changes)),
            };
            let Some(rest) = rest else { continue };
            left -= 1;
            // What does not fit into an empty packet never will.
            if left == 0 || writer.is_empty() {
                break;
            }
            items.push_front(rest);
            self.finish(to, &writer);
            writer = self.writer(kind);
        }
        self.finish(to, &writer);
    }

    fn writer(&mut self, kind: &Kind) -> Writer {
        self.sequence += 1;
        Writer::new(&self.table.myself(), self.sequence, kind)
    }

    fn finish(&mut self, to: SocketAddr, writer: &Writer) {
        let packet = seal::sealed(&self.settings.key, writer.as_bytes(), &mut self.random);
        self.table.stats.sent += 1;
        self.table.stats.sent_bytes += packet.len() as u64;
        self.outputs.push_back(Output::Send(to, packet));
    }

    /// Returns what to do next; `None` when all is done.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// Returns when to call [`tick`](Self::tick).
    #[must_use]
    pub fn next_tick(&self) -> Duration {
        self.next_round
    }

    /// Returns the name of this instance.
    #[must_use]
    pub fn name(&self) -> &InstanceName {
        &self.table.name
    }

    /// Returns whether this instance said that it leaves.
    #[must_use]
    pub fn has_left(&self) -> bool {
        self.table.claim.status == PeerStatus::Left
    }

    /// Returns the others by name, the dead among them until they are forgotten.
    pub fn peers(&self) -> impl Iterator<Item = Peer> {
        self.table.peers.iter().map(|(name, record)| record.to_peer(name))
    }

    /// Returns what the instances that are there share under a key, this one first.
    pub fn view(&self, key: &str) -> impl Iterator<Item = Shared> {
        self.replicas().filter_map(move |(name, replica)| Shared::of(name, replica, key))
    }

    /// Returns what the instances that are there share under keys that begin with a prefix, this one first.
    pub fn scan(&self, prefix: &str) -> impl Iterator<Item = (Arc<str>, Shared)> {
        self.replicas().flat_map(move |(name, replica)| Shared::scan(name, replica, prefix))
    }

    /// What this instance shares, and what those share that are there.
    fn replicas(&self) -> impl Iterator<Item = (&InstanceName, &Replica)> {
        let live = self.table.peers.iter().filter(|(_, record)| record.claim.status.is_live());
        let others = live.map(|(name, record)| (name, &record.replica));
        std::iter::once((&self.table.name, &self.table.replica)).chain(others)
    }

    /// Returns the keys under which this instance or one that is there shares something, in order, each once.
    #[must_use]
    pub fn keys(&self) -> Vec<String> {
        let keys: BTreeSet<&str> = self.replicas().flat_map(|(_, replica)| replica.keys()).collect();
        keys.into_iter().map(str::to_owned).collect()
    }

    /// Returns what was counted.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.table.stats
    }
}
