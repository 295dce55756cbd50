//! How soon writes work again when the master is killed or stopped, with all clients in the same fault.

use std::sync::Arc;
use std::time::{Duration, Instant};

use maily_redis::{Key, ServerStore, Store as _};
use maily_store_redis::testing::{Cluster, Product, Sentinels};
use maily_store_redis::{RedisConfig, RedisTransport};
use redis::cluster::ClusterClient;
use redis::sentinel::{SentinelClient, SentinelServerType};
use tokio::runtime::Builder;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

pub(crate) fn run() {
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    for fault in [Fault::Kill, Fault::Stop] {
        let Some(sentinels) = Sentinels::start_on(Product::Redis7, DOWN_AFTER).map(Arc::new) else { return };
        let all = (0..ROUNDS).map(|_| runtime.block_on(sentinel(&sentinels, fault))).collect();
        report(&format!("Sentinel, {DOWN_AFTER:?}: master {fault:?}"), DOWN_AFTER, all);
        let Some(cluster) = Cluster::start_on(Product::Redis7, NODE_TIMEOUT).map(Arc::new) else { return };
        let all = (0..ROUNDS).map(|_| runtime.block_on(self::cluster(&cluster, fault))).collect();
        report(&format!("Cluster, {NODE_TIMEOUT:?}: master {fault:?}"), NODE_TIMEOUT, all);
    }
}

#[derive(Clone, Copy, Debug)]
enum Fault {
    Kill,
    Stop,
}

/// What one client saw of one fault.
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    recovered: Duration,
    longest: Duration,
    failed: u32,
}

/// Ours, the peer, and when the servers had mended themselves.
type Round = (Seen, Seen, Duration);

async fn sentinel(sentinels: &Arc<Sentinels>, fault: Fault) -> Round {
    let ours = store(sentinels.url());
    ours.set(&key(), "before".into(), None).await.expect("it is well");
    let nodes = sentinels.sentinels().iter().map(maily_store_redis::testing::Server::url).collect();
    let name = Sentinels::MASTER_NAME.to_owned();
    let mut client =
        SentinelClient::build(nodes, name, None, SentinelServerType::Master).expect("valid URLs");
    let mut connection = client.get_async_connection().await.ok();

    let (over, ends) = watch::channel(false);
    let start = Instant::now();
    let servers = Arc::clone(sentinels);
    let break_it = tokio::task::spawn_blocking(move || {
        let old = servers.master();
        match fault {
            Fault::Kill => old.kill(),
            Fault::Stop => old.pause(),
        }
        assert!(servers.wait_for_another(old).is_up());
        start.elapsed()
    });
    let peer = calls(start, ends.clone(), async || {
        // Its connection does not look for another master: whoever holds it must, after each error.
        if connection.is_none() {
            connection = client.get_async_connection().await.ok();
        }
        let Some(current) = &mut connection else { return false };
        let mut write = redis::cmd("SET");
        let written = write.arg("peer").arg("during").query_async::<()>(current).await;
        if written.is_err() {
            connection = None;
        }
        written.is_ok()
    });
    let ours = calls(start, ends, async || ours.set(&key(), "during".into(), None).await.is_ok());
    let round = together(ours, peer, break_it, over).await;
    let servers = Arc::clone(sentinels);
    tokio::task::spawn_blocking(move || servers.heal()).await.expect("it heals");
    round
}

async fn cluster(cluster: &Arc<Cluster>, fault: Fault) -> Round {
    let ours = store(cluster.url());
    ours.set(&key(), "before".into(), None).await.expect("it is well");
    let nodes: Vec<String> = cluster.nodes().iter().map(maily_store_redis::testing::Server::url).collect();
    let client = ClusterClient::builder(nodes).build().expect("valid URLs");
    let mut connection = client.get_async_connection().await.expect("it is well");

    let (over, ends) = watch::channel(false);
    let start = Instant::now();
    let servers = Arc::clone(cluster);
    let break_it = tokio::task::spawn_blocking(move || {
        let slot = servers.slot("{k}ours");
        let old = servers.master_of(slot);
        match fault {
            Fault::Kill => old.kill(),
            Fault::Stop => old.pause(),
        }
        assert!(servers.wait_for_another(slot, old).is_up());
        start.elapsed()
    });
    let peer = calls(start, ends.clone(), async || {
        let mut write = redis::cmd("SET");
        write.arg("{k}peer").arg("during").query_async::<()>(&mut connection).await.is_ok()
    });
    let ours = calls(start, ends, async || ours.set(&key(), "during".into(), None).await.is_ok());
    let round = together(ours, peer, break_it, over).await;
    let servers = Arc::clone(cluster);
    tokio::task::spawn_blocking(move || servers.heal()).await.expect("it heals");
    round
}

async fn together(
    ours: impl Future<Output = Seen>,
    peer: impl Future<Output = Seen>,
    break_it: tokio::task::JoinHandle<Duration>,
    over: watch::Sender<bool>,
) -> Round {
    let broken = async {
        let mended = break_it.await.expect("another master");
        sleep(AFTERWARDS).await;
        over.send_replace(true);
        mended
    };
    let (ours, peer, mended) = tokio::join!(ours, peer, broken);
    (ours, peer, mended)
}

/// Writes every five milliseconds, each with the same deadline, until it is over.
async fn calls(start: Instant, over: watch::Receiver<bool>, mut write: impl AsyncFnMut() -> bool) -> Seen {
    let mut seen = Seen::default();
    let mut works = false;
    while !*over.borrow() {
        let begin = Instant::now();
        let written = timeout(DEADLINE, write()).await.unwrap_or(false);
        seen.longest = seen.longest.max(begin.elapsed());
        if written && !works {
            seen.recovered = start.elapsed();
        }
        works = written;
        seen.failed += u32::from(!written);
        sleep(Duration::from_millis(5)).await;
    }
    if !works {
        seen.recovered = start.elapsed();
    }
    seen
}

fn report(what: &str, patience: Duration, rounds: Vec<Round>) {
    for (ours, peer, mended) in &rounds {
        println!("{what}: mended {mended:?}; ours {ours:?}; redis-rs {peer:?}");
    }
    let median = |time: fn(&Round) -> Duration| {
        let mut times: Vec<f64> = rounds.iter().map(|round| time(round).as_secs_f64() * 1000.0).collect();
        times.sort_by(f64::total_cmp);
        times[times.len() / 2]
    };
    // Recovery within two seconds after the servers' own patience; no call longer than its deadline, but for a timer.
    let recovery = (patience + Duration::from_secs(2)).as_secs_f64() * 1000.0;
    let call = (DEADLINE + Duration::from_millis(50)).as_secs_f64() * 1000.0;
    let lines = [
        ("recovery", median(|round| round.0.recovered), median(|round| round.1.recovered), recovery),
        ("longest call", median(|round| round.0.longest), median(|round| round.1.longest), call),
    ];
    for (kind, ours, peer, bar) in lines {
        let line = serde_json::json!({
            "area": "failover", "what": format!("{what}, {kind}"), "unit": "ms", "ours": ours, "peer": peer,
            "peer_name": "redis-rs 1.8.1", "bar": bar, "holds": ours <= bar,
        });
        println!("{line}");
    }
}

fn store(url: String) -> ServerStore<RedisTransport> {
    let mut config = RedisConfig::new(url);
    config.timeout_ms = DEADLINE.as_millis() as u64;
    config.build().expect("valid settings")
}

fn key() -> Key {
    Key::new("{k}ours").expect("a short key")
}

const ROUNDS: usize = 5;
const DEADLINE: Duration = Duration::from_millis(500);
const DOWN_AFTER: Duration = Duration::from_secs(1);
const NODE_TIMEOUT: Duration = Duration::from_secs(2);
/// How long after the servers have mended themselves the clients are watched.
const AFTERWARDS: Duration = Duration::from_secs(5);
