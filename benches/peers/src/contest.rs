//! Turns of ours and the peers, and their medians or their best.

use std::hint::black_box;
use std::time::{Duration, Instant};

/// A piece of work, repeated in a loop of its own: repetitions in, time out.
type Work<'a> = Box<dyn FnMut(u64) -> Duration + 'a>;

/// When our figure is good enough.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Bar {
    /// At most so many nanoseconds.
    Nanoseconds(f64),
    /// At most what the peer takes.
    Peer,
    /// At most this part of what the peer takes.
    PartOfPeer(f64),
}

/// The same question to ours and to peers.
pub(crate) struct Contest<'a> {
    area: &'static str,
    what: &'static str,
    bar: Bar,
    most_allocations: Option<u64>,
    undisturbed: bool,
    ours: Work<'a>,
    peers: Vec<(&'static str, Work<'a>)>,
}

impl<'a> Contest<'a> {
    /// Starts with our work.
    pub(crate) fn new<T>(
        area: &'static str,
        what: &'static str,
        bar: Bar,
        ours: impl FnMut() -> T + 'a,
    ) -> Self {
        Self {
            area,
            what,
            bar,
            most_allocations: None,
            undisturbed: false,
            ours: repeated(ours),
            peers: Vec::new(),
        }
    }

    /// Adds the work of a peer.
    #[must_use]
    pub(crate) fn against<T>(mut self, name: &'static str, work: impl FnMut() -> T + 'a) -> Self {
        self.peers.push((name, repeated(work)));
        self
    }

    /// Counts allocations too, of which ours may make so many.
    #[must_use]
    pub(crate) fn allocating_at_most(mut self, most: u64) -> Self {
        self.most_allocations = Some(most);
        self
    }

    /// Takes short turns and of each the best, for work of nanoseconds: what a busy machine adds is not its cost.
    #[must_use]
    pub(crate) fn undisturbed(mut self) -> Self {
        self.undisturbed = true;
        self
    }

    /// Lets all take turns and prints one JSON line for each peer, and one more if allocations count.
    pub(crate) fn run(mut self) {
        let mut all: Vec<&mut Work<'a>> = vec![&mut self.ours];
        all.extend(self.peers.iter_mut().map(|(_, work)| work));
        let (rounds, turn) = if self.undisturbed { (SHORT_ROUNDS, SHORT_TURN) } else { (ROUNDS, TURN) };
        let repetitions: Vec<u64> = all.iter_mut().map(|work| calibrate(work, turn)).collect();
        let mut samples = vec![Vec::with_capacity(rounds); all.len()];
        for round in 0..rounds {
            for turn in 0..all.len() {
                let who = (round + turn) % all.len();
                let took = all[who](repetitions[who]);
                samples[who].push(took.as_secs_f64() * 1e9 / repetitions[who] as f64);
            }
        }
        let chosen = if self.undisturbed { best } else { median };
        let figures: Vec<f64> = samples.into_iter().map(chosen).collect();
        for ((name, _), peer) in self.peers.iter().zip(&figures[1..]) {
            let bar = match self.bar {
                Bar::Nanoseconds(limit) => limit,
                Bar::Peer => *peer,
                Bar::PartOfPeer(part) => part * peer,
            };
            self.print("ns", figures[0], *peer, name, bar);
        }
        if let Some(most) = self.most_allocations {
            let ours = allocations(&mut self.ours);
            for index in 0..self.peers.len() {
                let peer = allocations(&mut self.peers[index].1);
                self.print("allocs", ours, peer, self.peers[index].0, most as f64);
            }
        }
    }

    fn print(&self, unit: &str, ours: f64, peer: f64, name: &str, bar: f64) {
        let line = serde_json::json!({
            "area": self.area, "what": self.what, "unit": unit, "ours": ours, "peer": peer,
            "peer_name": name, "bar": bar, "holds": ours <= bar,
        });
        println!("{line}");
    }
}

/// Counts the allocations of one repetition, on this thread.
fn allocations(work: &mut Work<'_>) -> f64 {
    const TIMES: u64 = 1000;
    let counted = allocation_counter::measure(|| {
        work(TIMES);
    });
    counted.count_total as f64 / TIMES as f64
}

fn repeated<'a, T>(mut work: impl FnMut() -> T + 'a) -> Work<'a> {
    Box::new(move |times| {
        let start = Instant::now();
        for _ in 0..times {
            black_box(work());
        }
        start.elapsed()
    })
}

/// Finds how many repetitions take about one turn.
fn calibrate(work: &mut Work<'_>, turn: Duration) -> u64 {
    let mut times = 1;
    loop {
        let took = work(times);
        if took >= turn / 4 {
            let factor = turn.as_secs_f64() / took.as_secs_f64();
            return ((times as f64 * factor) as u64).max(1);
        }
        times *= 4;
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn best(values: Vec<f64>) -> f64 {
    values.into_iter().fold(f64::INFINITY, f64::min)
}

/// How often everybody has a turn; odd, so that the median is one of the values.
const ROUNDS: usize = 15;
/// How long a turn takes.
const TURN: Duration = Duration::from_millis(20);
/// How often everybody has a short turn.
const SHORT_ROUNDS: usize = 301;
/// How long a short turn takes: shorter than what a scheduler gives.
const SHORT_TURN: Duration = Duration::from_millis(1);
