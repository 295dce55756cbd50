//! Turns of ours and the peers, and their medians.

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
}

/// The same question to ours and to peers.
pub(crate) struct Contest<'a> {
    area: &'static str,
    what: &'static str,
    bar: Bar,
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
        Self { area, what, bar, ours: repeated(ours), peers: Vec::new() }
    }

    /// Adds the work of a peer.
    #[must_use]
    pub(crate) fn against<T>(mut self, name: &'static str, work: impl FnMut() -> T + 'a) -> Self {
        self.peers.push((name, repeated(work)));
        self
    }

    /// Lets all take turns and prints one JSON line for each peer.
    pub(crate) fn run(mut self) {
        let mut all: Vec<&mut Work<'a>> = vec![&mut self.ours];
        all.extend(self.peers.iter_mut().map(|(_, work)| work));
        let repetitions: Vec<u64> = all.iter_mut().map(|work| calibrate(work)).collect();
        let mut samples = vec![Vec::with_capacity(ROUNDS); all.len()];
        for round in 0..ROUNDS {
            for turn in 0..all.len() {
                let who = (round + turn) % all.len();
                let took = all[who](repetitions[who]);
                samples[who].push(took.as_secs_f64() * 1e9 / repetitions[who] as f64);
            }
        }
        let medians: Vec<f64> = samples.into_iter().map(median).collect();
        for ((name, _), peer) in self.peers.iter().zip(&medians[1..]) {
            let bar = match self.bar {
                Bar::Nanoseconds(limit) => limit,
                Bar::Peer => *peer,
            };
            let line = serde_json::json!({
                "area": self.area, "what": self.what, "unit": "ns", "ours": medians[0], "peer": peer,
                "peer_name": name, "bar": bar, "holds": medians[0] <= bar,
            });
            println!("{line}");
        }
    }
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

/// Finds how many repetitions take about [`TURN`].
fn calibrate(work: &mut Work<'_>) -> u64 {
    let mut times = 1;
    loop {
        let took = work(times);
        if took >= TURN / 4 {
            let factor = TURN.as_secs_f64() / took.as_secs_f64();
            return ((times as f64 * factor) as u64).max(1);
        }
        times *= 4;
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// How often everybody has a turn; odd, so that the median is one of the values.
const ROUNDS: usize = 15;
/// How long a turn takes.
const TURN: Duration = Duration::from_millis(20);
