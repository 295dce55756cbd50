//! A fleet of machines, who chooses among them, and what comes of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use futures_util::{StreamExt, TryStreamExt};
use maily_errors::Result;
use maily_mesh::balance::{Balance, Node, Nodes, Rules};
use maily_mesh::membership::Place;
use maily_mesh::{Completion, Prompt};
use parking_lot::Mutex;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio::time::{Instant, sleep_until};
use tower::ServiceExt;

use super::arrivals::Arrivals;
use super::machine::Machine;

/// Who chooses.
#[derive(Clone, Copy, Debug)]
pub(super) enum Policy {
    Maily,
    /// Ours without affinity: power of two choices by delay.
    TwoChoices,
    LeastInflight,
    Random,
    RoundRobin,
}

/// Machines behind one who chooses.
#[derive(Clone)]
pub(super) struct Fleet {
    pub(super) machines: Vec<Machine>,
    pub(super) nodes: Nodes,
    policy: Policy,
    next: Arc<AtomicUsize>,
    random: Arc<Mutex<StdRng>>,
}

/// What came of a run.
pub(super) struct Outcome {
    pub(super) seconds: Vec<f64>,
    pub(super) failed: usize,
    /// The share of tokens that were cached.
    pub(super) hits: f64,
    /// The prompts of each machine.
    pub(super) calls: Vec<u32>,
}

impl Fleet {
    pub(super) fn new(speeds: &[f64], policy: Policy) -> Self {
        let prefixes = if matches!(policy, Policy::Maily) { Rules::default().prefixes } else { 0 };
        let nodes = Nodes::new(Rules { prefixes, seed: Some(7), ..Rules::default() });
        let machines: Vec<_> = speeds.iter().map(|speed| Machine::new(*speed)).collect();
        for (number, machine) in machines.iter().enumerate() {
            nodes.insert(Node::new(format!("node-{number}"), machine.clone()).with_model("m"));
        }
        let random = Arc::new(Mutex::new(StdRng::seed_from_u64(11)));
        Self { machines, nodes, policy, next: Arc::default(), random }
    }

    /// Another instance of a mesh over the same machines, which knows of the others only what it is told.
    pub(super) fn beside(&self, seed: u64) -> Self {
        let nodes = Nodes::new(Rules { seed: Some(seed), ..Rules::default() });
        for (number, machine) in self.machines.iter().enumerate() {
            let place = Place::of(&format!("http://node-{number}")).expect("the URL names a host");
            let node = Node::new(format!("node-{number}"), machine.clone()).with_model("m").with_place(place);
            nodes.insert(node);
        }
        Self { nodes, ..self.clone() }
    }

    async fn ask(&self, prompt: Prompt) -> Result<Completion> {
        let count = self.machines.len();
        let at = match self.policy {
            Policy::Maily | Policy::TwoChoices => {
                return Balance::new(self.nodes.clone()).oneshot(prompt).await;
            }
            Policy::LeastInflight => {
                let machines = (0..count).map(|at| (self.machines[at].inflight(), at));
                machines.min().expect("a fleet has machines").1
            }
            Policy::Random => self.random.lock().random_range(0..count),
            Policy::RoundRobin => self.next.fetch_add(1, Relaxed) % count,
        };
        self.machines[at].clone().oneshot(prompt).await
    }

    /// Sends prompts at random times, so many a second on average, each up to three times.
    pub(super) async fn run(&self, prompts: Vec<Prompt>, per_second: f64) -> Outcome {
        Self::run_all(std::slice::from_ref(self), prompts, Arrivals::steady(per_second)).await
    }

    /// Does so at several instances over the same machines, at each as often.
    pub(super) async fn run_all(all: &[Self], prompts: Vec<Prompt>, arrivals: Arrivals) -> Outcome {
        let mut which = StdRng::seed_from_u64(arrivals.seed + 4);
        let start = Instant::now();
        let times = arrivals.times(prompts.len());
        let mut tasks = Vec::new();
        for (prompt, time) in prompts.into_iter().zip(times) {
            let at = start + time;
            let fleet = all[which.random_range(0..all.len())].clone();
            tasks.push(tokio::spawn(async move {
                sleep_until(at).await;
                for _ in 0..3 {
                    let Ok(mut answer) = fleet.ask(prompt.clone()).await else { continue };
                    let first = answer.body.next().await;
                    first.expect("an answer has a first byte").expect("no machine breaks off");
                    let took = at.elapsed().as_secs_f64();
                    answer.body.try_collect::<Vec<_>>().await.expect("no machine breaks off");
                    return Some(took);
                }
                None
            }));
        }
        let mut outcome = Outcome { seconds: Vec::new(), failed: 0, hits: 0.0, calls: Vec::new() };
        for task in tasks {
            match task.await.expect("no task panics") {
                Some(took) => outcome.seconds.push(took),
                None => outcome.failed += 1,
            }
        }
        outcome.seconds.sort_by(f64::total_cmp);
        let machines = &all[0].machines;
        let tokens = machines.iter().map(Machine::tokens);
        let (all, cached) = tokens.fold((0, 0), |(all, cached), (more, hit)| (all + more, cached + hit));
        outcome.hits = cached as f64 / all.max(1) as f64;
        outcome.calls = machines.iter().map(Machine::calls).collect();
        outcome
    }
}

impl Outcome {
    /// Milliseconds to the first token, at a share of the prompts.
    pub(super) fn ms(&self, share: f64) -> f64 {
        self.seconds[((self.seconds.len() - 1) as f64 * share).round() as usize] * 1000.0
    }

    pub(super) fn row(&self, name: &str) {
        println!(
            "{name:<22} p50 {:>6.0} ms   p99 {:>6.0} ms   cached {:>3.0} %   {:?}",
            self.ms(0.5),
            self.ms(0.99),
            self.hits * 100.0,
            self.calls
        );
    }
}

/// Prompts of 200 to 1000 tokens that have nothing in common.
pub(super) fn strangers(count: usize) -> Vec<Prompt> {
    let mut random = StdRng::seed_from_u64(3);
    let prompt = |number| {
        let words = random.random_range(100..500);
        Prompt::text("m", words_of(number, words)).expect("a valid prompt")
    };
    (0..count as u64).map(prompt).collect()
}

/// Turns of conversations that grow, in random order: each has one of eight long instructions and words of its own.
pub(super) fn conversations(turns: usize) -> Vec<Prompt> {
    let mut random = StdRng::seed_from_u64(4);
    let mut lengths = vec![0_usize; 120];
    let prompt = |_| {
        let who = random.random_range(0..lengths.len());
        lengths[who] = if lengths[who] >= 10 { 1 } else { lengths[who] + 1 };
        let instruction = words_of(1_000_000 + who as u64 % 8, 600);
        let said = words_of(who as u64, 100 * lengths[who]);
        Prompt::text("m", instruction + &said).expect("a valid prompt")
    };
    (0..turns).map(prompt).collect()
}

/// So many words of seven letters and a blank: two tokens each. The same number says the same.
fn words_of(number: u64, count: usize) -> String {
    let mut random = StdRng::seed_from_u64(number);
    let mut text = String::with_capacity(8 * count);
    for _ in 0..count {
        let mut bits = random.random::<u32>();
        for _ in 0..7 {
            text.push(char::from(b'a' + (bits % 16) as u8));
            bits /= 16;
        }
        text.push(' ');
    }
    text
}
