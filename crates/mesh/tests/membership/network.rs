//! A network of instances in virtual time. The same seed gives the same history.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::net::SocketAddr;
use std::ops::Range;
use std::time::Duration;

use maily_mesh::membership::{Event, GossipKey, Membership, Output, PeerStatus, Settings};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

/// When a packet arrives, its number, to whom, and its bytes.
type Flight = (Duration, u64, usize, Vec<u8>);

pub(crate) struct Network {
    pub(crate) now: Duration,
    pub(crate) instances: Vec<Option<Membership>>,
    /// The share of packets that is lost.
    pub(crate) loss: f64,
    /// The share of packets that comes twice.
    pub(crate) duplicates: f64,
    /// How long a packet takes, in milliseconds; what is drawn anew for each one also reorders them.
    pub(crate) delay_ms: Range<u64>,
    /// What a packet to or from an instance takes longer.
    pub(crate) slow: Vec<Duration>,
    /// Packets pass only within a group.
    pub(crate) group: Vec<u8>,
    /// Until when an instance neither takes packets nor ticks: they wait.
    pub(crate) asleep: Vec<Duration>,
    pub(crate) events: Vec<(Duration, usize, Event)>,
    pub(crate) largest: usize,
    queue: BinaryHeap<Reverse<Flight>>,
    sent: u64,
    random: StdRng,
    seed: u8,
}

pub(crate) fn address(at: usize) -> SocketAddr {
    let [.., high, low] = (at as u32).to_be_bytes();
    ([10, 0, high, low], 7946).into()
}

pub(crate) fn name(at: usize) -> String {
    format!("mesh-{at:03}")
}

pub(crate) fn key() -> GossipKey {
    GossipKey::new(&[7; 32].into())
}

pub(crate) fn settings(at: usize, generation: u64) -> Settings {
    Settings::new(name(at), address(at), generation, key()).with_seed(address(0))
}

impl Network {
    /// Starts instances that know the address of the first one.
    pub(crate) fn new(count: usize, loss: f64, seed: u8) -> Self {
        let mut network = Self {
            now: Duration::ZERO,
            instances: Vec::new(),
            loss,
            duplicates: 0.05,
            delay_ms: 1..40,
            slow: vec![Duration::ZERO; count],
            group: vec![0; count],
            asleep: vec![Duration::ZERO; count],
            events: Vec::new(),
            largest: 0,
            queue: BinaryHeap::new(),
            sent: 0,
            random: StdRng::from_seed([seed; 32]),
            seed,
        };
        for at in 0..count {
            network.instances.push(None);
            network.start(at, 1_000);
        }
        network
    }

    /// Starts an instance, or starts it again.
    pub(crate) fn start(&mut self, at: usize, generation: u64) {
        let mut seed = [self.seed; 32];
        seed[..8].copy_from_slice(&(at as u64).to_le_bytes());
        seed[8..16].copy_from_slice(&self.now.as_nanos().to_le_bytes()[..8]);
        self.instances[at] = Some(Membership::new(settings(at, generation), seed, self.now).unwrap());
    }

    pub(crate) fn at(&mut self, at: usize) -> &mut Membership {
        self.instances[at].as_mut().expect("the instance runs")
    }

    /// Lets the network run until something holds; returns how long it took, or `None` after `most`.
    pub(crate) fn until(&mut self, most: Duration, holds: impl Fn(&Self) -> bool) -> Option<Duration> {
        let start = self.now;
        while !holds(self) {
            if self.now >= start + most {
                return None;
            }
            self.run(Duration::from_millis(50));
        }
        Some(self.now - start)
    }

    /// Lets the network run for a time.
    pub(crate) fn run(&mut self, time: Duration) {
        let end = self.now + time;
        loop {
            let packet = self.queue.peek().map(|Reverse((at, ..))| *at);
            let tick = (0..self.instances.len())
                .filter_map(|at| Some((self.instances[at].as_ref()?.next_tick().max(self.asleep[at]), at)))
                .min();
            let packet_first = match (packet, tick) {
                (Some(packet), Some((tick, _))) => packet <= tick,
                (packet, _) => packet.is_some(),
            };
            let due = if packet_first { packet } else { tick.map(|(at, _)| at) };
            let Some(due) = due.filter(|due| *due <= end) else { break };
            self.now = self.now.max(due);
            let at = if packet_first { self.deliver() } else { tick.map(|(_, at)| at) };
            let Some(at) = at else { continue };
            if !packet_first {
                let now = self.now;
                self.at(at).tick(now);
            }
            self.collect(at);
        }
        self.now = end;
    }

    fn deliver(&mut self) -> Option<usize> {
        let Reverse((_, number, to, mut packet)) = self.queue.pop()?;
        let now = self.now;
        if self.asleep[to] > now {
            // It waits in the socket, which is read before anything else is done.
            self.queue.push(Reverse((self.asleep[to], number, to, packet)));
            return None;
        }
        self.instances[to].as_mut()?.handle(&mut packet, now);
        Some(to)
    }

    /// Takes what an instance wants to be sent, and what it tells.
    pub(crate) fn collect(&mut self, from: usize) {
        while let Some(output) = self.instances[from].as_mut().and_then(Membership::poll_output) {
            match output {
                Output::Event(event) => self.events.push((self.now, from, event)),
                Output::Send(to, packet) => {
                    self.largest = self.largest.max(packet.len());
                    let Some(to) = (0..self.group.len()).find(|at| address(*at) == to) else { continue };
                    self.post(from, to, &packet);
                    if self.random.random_bool(self.duplicates) {
                        self.post(from, to, &packet);
                    }
                }
            }
        }
    }

    fn post(&mut self, from: usize, to: usize, packet: &[u8]) {
        if self.group[from] != self.group[to] || self.random.random_bool(self.loss) {
            return;
        }
        let delay = Duration::from_millis(self.random.random_range(self.delay_ms.clone()));
        self.sent += 1;
        let due = self.now + delay + self.slow[from] + self.slow[to];
        self.queue.push(Reverse((due, self.sent, to, packet.to_vec())));
    }

    /// Returns whether every running instance knows every other one that runs as there, and nobody else.
    ///
    /// With much loss somebody is suspected at any moment, and objects.
    pub(crate) fn agrees(&self) -> bool {
        let running: Vec<_> = (0..self.instances.len()).filter(|at| self.instances[*at].is_some()).collect();
        running.iter().all(|at| {
            let me = self.instances[*at].as_ref().expect("it runs");
            let live: Vec<_> = me.peers().filter(|peer| peer.status.is_live()).collect();
            live.len() + 1 == running.len()
                && running
                    .iter()
                    .all(|other| other == at || live.iter().any(|peer| peer.name.as_str() == name(*other)))
        })
    }

    /// Returns whether an instance knows another one in a status.
    pub(crate) fn knows(&self, at: usize, other: usize, status: PeerStatus) -> bool {
        let me = self.instances[at].as_ref().expect("the instance runs");
        me.peers().any(|peer| peer.name.as_str() == name(other) && peer.status == status)
    }

    pub(crate) fn deaths(&self) -> usize {
        self.events.iter().filter(|(_, _, event)| matches!(event, Event::Died(_))).count()
    }
}

/// A large mesh; without optimization a smaller one, as 50 instances cost a minute then.
pub(crate) const LARGE: usize = if cfg!(debug_assertions) { 20 } else { 50 };

/// Returns the seeds to try: few without optimization, where a large mesh costs most of a test's time.
pub(crate) fn seeds(count: usize) -> Range<u8> {
    match (cfg!(debug_assertions), count < LARGE) {
        (false, _) => 0..20,
        (true, true) => 0..6,
        (true, false) => 0..1,
    }
}

/// Prints the spread of times, and returns the longest.
pub(crate) fn report(what: &str, mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    let at = |share: usize| times[(times.len() - 1) * share / 100];
    println!("{what}: p50 {:?}, p90 {:?}, worst {:?} of {}", at(50), at(90), at(100), times.len());
    at(100)
}
