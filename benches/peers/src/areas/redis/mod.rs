//! What GET and SET cost over one connection, and what a read costs that needs none.

mod clients;
mod near;
mod turn;

use maily_store_redis::testing::{Product, Server};
use metrics_exporter_prometheus::PrometheusBuilder;
use tokio::runtime::{Builder, Runtime};
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use self::clients::{Deadpool, Ours, RedisRs, Rustis};
use self::turn::{Operation, Sample, turn};

pub(crate) fn run() {
    // Everything is on: each command is measured for Prometheus, and each span is made and kept to its end.
    let metrics = PrometheusBuilder::new().install_recorder().expect("nobody else measures");
    let wanted = if std::env::var("MAILY_PEERS_SPANS").as_deref() == Ok("off") {
        LevelFilter::OFF
    } else {
        LevelFilter::INFO
    };
    tracing_subscriber::registry().with(wanted).try_init().expect("nobody else traces");
    near::run();
    let rounds =
        std::env::var("MAILY_PEERS_ROUNDS").ok().and_then(|text| text.parse().ok()).unwrap_or(ROUNDS);
    for product in Product::ALL {
        let Some(server) = Server::start_on(product) else {
            println!("{product:?} is not here: nothing was measured on it");
            continue;
        };
        let runtime =
            Builder::new_multi_thread().worker_threads(WORKERS).enable_all().build().expect("a runtime");
        let clients = runtime.block_on(Clients::connect(&server));
        for operation in [Operation::Get, Operation::Set] {
            for tasks in TASKS {
                let mut all = [const { Vec::new() }; 4];
                for round in 0..rounds {
                    // Everybody has a turn in every round, and nobody is always the first.
                    for place in 0..all.len() {
                        let who = (round + place) % all.len();
                        all[who].push(clients.turn(&runtime, who, operation, tasks));
                        metrics.run_upkeep();
                    }
                }
                report(product, operation, tasks, all);
            }
        }
    }
}

struct Clients {
    ours: Ours,
    redis_rs: RedisRs,
    rustis: Rustis,
    deadpool: Deadpool,
}

impl Clients {
    async fn connect(server: &Server) -> Self {
        Self {
            ours: Ours::connect(server).await,
            redis_rs: RedisRs::connect(server).await,
            rustis: Rustis::connect(server).await,
            deadpool: Deadpool::connect(server).await,
        }
    }

    fn turn(&self, runtime: &Runtime, who: usize, operation: Operation, tasks: usize) -> Sample {
        match who {
            0 => turn(runtime, &self.ours, operation, tasks),
            1 => turn(runtime, &self.redis_rs, operation, tasks),
            2 => turn(runtime, &self.rustis, operation, tasks),
            _ => turn(runtime, &self.deadpool, operation, tasks),
        }
    }
}

/// Prints the table of one question, and a figure for each bar: the medians of time per operation and of p99.
fn report(product: Product, operation: Operation, tasks: usize, all: [Vec<Sample>; 4]) {
    let medians = all.map(|samples| Sample::median(&samples));
    println!(
        "\n{product:?} {operation:?}, {tasks} tasks{:>16}{:>10}{:>10}{:>12}",
        "ops/s", "p50 µs", "p99 µs", "CPU µs/op"
    );
    for (name, sample) in NAMES.iter().zip(&medians) {
        println!(
            "{name:<30}{:>10.0}{:>10.1}{:>10.1}{:>12.2}",
            sample.per_second, sample.p50_us, sample.p99_us, sample.cpu_us
        );
    }
    let ours = &medians[0];
    // A pool has no disadvantage while there is only one caller.
    let of_pool = if tasks == 1 { 1.0 } else { 0.2 };
    for ((name, peer), factor) in NAMES.iter().zip(&medians).skip(1).zip([1.0, 1.0, of_pool]) {
        let (us, them) = (1e9 / ours.per_second, 1e9 / peer.per_second);
        figure(product, operation, tasks, "time", "ns/op", us, them, factor * them, name);
    }
    figure(
        product,
        operation,
        tasks,
        "p99",
        "us",
        ours.p99_us,
        medians[1].p99_us,
        1.1 * medians[1].p99_us,
        NAMES[1],
    );
}

#[expect(clippy::too_many_arguments, reason = "each is one member of the line")]
fn figure(
    product: Product,
    operation: Operation,
    tasks: usize,
    what: &str,
    unit: &str,
    ours: f64,
    peer: f64,
    bar: f64,
    name: &str,
) {
    let what = format!("{product:?} {operation:?}, {tasks} tasks, {what}");
    let line = serde_json::json!({
        "area": "redis", "what": what, "unit": unit, "ours": ours, "peer": peer,
        "peer_name": name, "bar": bar, "holds": ours <= bar,
    });
    println!("{line}");
}

const NAMES: [&str; 4] =
    ["ours, everything on", "redis-rs 1.8.1", "rustis 0.27.2", "deadpool-redis 0.23 x16"];
const TASKS: [usize; 3] = [1, 64, 512];
/// How often everybody has a turn; odd, so that a median is one of the figures.
const ROUNDS: usize = 9;
const WORKERS: usize = 2;
