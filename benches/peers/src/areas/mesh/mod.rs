//! What a gateway costs between a client and a node: everybody on loopback, taking turns in the same minutes.

mod gateway;
mod in_process;
mod load;
mod machine;
mod node;
mod peers;
mod tail;

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::runtime::{Builder, Runtime};

use self::gateway::{Gateway, free_address};
use self::load::{Kind, Seen, ask};
use self::peers::{OURS, PEERS, Peer, Setting};
use crate::component;

pub(crate) fn run() {
    in_process::run();

    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
    let folder = std::env::temp_dir().join(format!("maily-peers-mesh-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder for configurations");
    let bench = Bench { runtime, node: node::start(), folder };

    let mut all = Vec::new();
    for peer in std::iter::once(&OURS).chain(&PEERS) {
        match bench.start(peer) {
            Ok(gateway) => all.push(Contestant { peer, gateway, costs: Vec::new(), memory_mb: 0.0 }),
            Err(why) => component::left_out("mesh", peer.name, &why),
        }
    }
    if all.first().is_none_or(|first| first.peer.name != OURS.name) {
        return;
    }
    let mut starts: Vec<f64> = (0..STARTS)
        .filter_map(|_| bench.start(&OURS).ok())
        .map(|gateway| gateway.started.as_secs_f64() * 1000.0)
        .collect();

    let rounds =
        std::env::var("MAILY_PEERS_ROUNDS").ok().and_then(|text| text.parse().ok()).unwrap_or(ROUNDS);
    let mut direct: Vec<Vec<f64>> = vec![Vec::new(); QUESTIONS.len()];
    for round in 0..=rounds {
        for (question, (kind, connections)) in QUESTIONS.into_iter().enumerate() {
            let mut seen = bench.ask(bench.node, kind, connections);
            direct[question].push(seen.percentile(0.5));
            // Everybody has a turn in every round, and nobody is always the first.
            for place in 0..all.len() {
                let who = (round + place) % all.len();
                let contestant = &mut all[who];
                let cost = contestant.turn(&bench, question, kind, connections);
                // The first round warms everybody up.
                if round > 0 {
                    contestant.costs.push(cost);
                }
            }
        }
    }
    for contestant in &mut all {
        contestant.memory_mb = contestant.gateway.memory_mb();
    }
    for (question, (kind, connections)) in QUESTIONS.into_iter().enumerate() {
        report(question, kind, connections, median(&mut direct[question]), &all);
    }
    let ours = &all[0];
    let others = || all.iter().skip(1);
    for peer in others() {
        line(
            "memory under load",
            "MB",
            Some(ours.memory_mb),
            Some(peer.memory_mb),
            peer.peer.name,
            Some(25.0),
        );
    }
    let start = median(&mut starts);
    for peer in others() {
        let theirs = peer.gateway.started.as_secs_f64() * 1000.0;
        line("start to the first answer", "ms", Some(start), Some(theirs), peer.peer.name, Some(50.0));
    }
    // Nobody else runs beside what follows.
    drop(all);
    tail::run(&bench, rounds);
    std::fs::remove_dir_all(&bench.folder).ok();
}

struct Bench {
    runtime: Runtime,
    node: SocketAddr,
    folder: std::path::PathBuf,
}

impl Bench {
    fn start(&self, peer: &Peer) -> Result<Gateway, String> {
        let listen = free_address();
        let mut command = peer.command(&Setting { listen, node: self.node, folder: &self.folder })?;
        Gateway::start(&self.runtime, &mut command, listen)
    }

    fn ask(&self, address: SocketAddr, kind: Kind, connections: usize) -> Seen {
        self.runtime.block_on(ask(address, kind, connections, TURN))
    }
}

struct Contestant {
    peer: &'static Peer,
    gateway: Gateway,
    costs: Vec<Cost>,
    memory_mb: f64,
}

/// What one turn at one question cost.
struct Cost {
    question: usize,
    cpu_us: f64,
    per_second: f64,
    p50_us: f64,
    p99_us: f64,
    failed: u64,
}

impl Contestant {
    fn turn(&self, bench: &Bench, question: usize, kind: Kind, connections: usize) -> Cost {
        let before = self.gateway.cpu();
        let mut seen = bench.ask(self.gateway.address, kind, connections);
        let cpu = self.gateway.cpu() - before;
        let answers = seen.took_us.len().max(1) as f64;
        Cost {
            question,
            cpu_us: cpu.as_secs_f64() * 1e6 / answers,
            per_second: answers / TURN.as_secs_f64(),
            p50_us: seen.percentile(0.5),
            p99_us: seen.percentile(0.99),
            failed: seen.failed,
        }
    }

    /// The median of a figure over the rounds.
    fn figure(&self, question: usize, of: fn(&Cost) -> f64) -> f64 {
        median(&mut self.costs.iter().filter(|cost| cost.question == question).map(of).collect::<Vec<_>>())
    }
}

/// Prints the table of a question, and the figures that have a bar.
fn report(question: usize, kind: Kind, connections: usize, direct_p50: f64, all: &[Contestant]) {
    let what = match kind {
        Kind::Object => "310-byte object",
        Kind::Stream => "66-frame stream",
    };
    println!(
        "\n{what}, {connections} connections (direct p50 {direct_p50:.0} µs){:>12}{:>12}{:>10}{:>10}{:>8}",
        "CPU µs", "answers/s", "p50 µs", "p99 µs", "failed"
    );
    for contestant in all {
        println!(
            "{:<54}{:>12.1}{:>12.0}{:>10.0}{:>10.0}{:>8.0}",
            contestant.peer.name,
            contestant.figure(question, |cost| cost.cpu_us),
            contestant.figure(question, |cost| cost.per_second),
            contestant.figure(question, |cost| cost.p50_us),
            contestant.figure(question, |cost| cost.p99_us),
            contestant.costs.iter().map(|cost| cost.failed as f64).sum::<f64>(),
        );
    }
    let ours = all[0].figure(question, |cost| cost.cpu_us);
    let others = all.iter().skip(1);
    let cpu = |peer: &Contestant| peer.figure(question, |cost| cost.cpu_us);
    let best_router = others.clone().filter(|peer| peer.peer.for_ai).map(cpu).fold(f64::INFINITY, f64::min);
    for peer in others.clone() {
        let theirs = cpu(peer);
        let envoy = peer.peer.name.starts_with("envoy");
        // A plain proxy shows the floor; what we must reach is a part of what does our work, or Envoy's.
        let bar = match kind {
            Kind::Object if envoy => Some(f64::min(30.0, 0.75 * theirs)),
            Kind::Object if theirs == best_router => Some(f64::min(30.0, 0.5 * theirs)),
            Kind::Stream if envoy => Some(f64::min(60.0, 1.1 * theirs)),
            Kind::Stream if theirs == best_router => Some(60.0),
            Kind::Object | Kind::Stream => None,
        };
        let what = format!("CPU, {what}, {connections} connections");
        line(&what, "us", Some(ours), Some(theirs), peer.peer.name, bar);
    }
    if kind == Kind::Object {
        let added = |contestant: &Contestant| contestant.figure(question, |cost| cost.p50_us) - direct_p50;
        for peer in others {
            let envoy = peer.peer.name.starts_with("envoy");
            let bar = (envoy && connections == 16).then(|| f64::min(350.0, added(peer)));
            let what = format!("added p50, {what}, {connections} connections");
            line(&what, "us", Some(added(&all[0])), Some(added(peer)), peer.peer.name, bar);
        }
    }
}

fn line(what: &str, unit: &str, ours: Option<f64>, peer: Option<f64>, name: &str, bar: Option<f64>) {
    let holds = bar.zip(ours).map_or(Value::Null, |(bar, ours)| json!(ours <= bar));
    let line = json!({
        "area": "mesh", "what": what, "unit": unit, "ours": ours, "peer": peer,
        "peer_name": name, "bar": bar, "holds": holds,
    });
    println!("{line}");
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

const QUESTIONS: [(Kind, usize); 3] = [(Kind::Object, 16), (Kind::Object, 64), (Kind::Stream, 16)];
/// How often everybody has a turn at each question; odd, so that a median is one of the figures.
const ROUNDS: usize = 5;
/// How often ours is started to see how long that takes.
const STARTS: usize = 5;
const TURN: Duration = Duration::from_millis(1500);
