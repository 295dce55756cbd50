//! A thousand tasks in each of four processes want one value that is over.

use std::sync::Arc;
use std::time::{Duration, Instant};

use maily_redis::cache::CacheConfig;
use maily_redis::{Key, Store as _};
use maily_store_redis::testing::Server;
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::worker::{self, now, until};

const PROCESSES: usize = 4;
const TASKS: usize = 1000;
const TTL: Duration = Duration::from_millis(300);

fn key(round: usize) -> Key {
    Key::new(format!("stampede:{round}")).unwrap()
}

fn loads(round: usize) -> Key {
    Key::new(format!("loads:{round}")).unwrap()
}

/// Without early refresh: the value is over before the first call. In odd rounds the old value is kept.
fn config(round: usize) -> CacheConfig {
    let mut config = CacheConfig::default();
    config.beta = 0.0;
    config.stale_ms = if round % 2 == 1 { 600_000 } else { 0 };
    config
}

#[tokio::test]
async fn thousand_tasks_of_four_processes_load_an_expired_value_at_most_twice() {
    let Some(server) = Server::start() else { return };
    let store = worker::store(&server.url());
    let rounds = if worker::soak() { 20 } else { 4 };
    for round in 0..rounds {
        config(round).build(&store).unwrap().set(&key(round), "old".into(), TTL).await.unwrap();
        let start = now() + 2_000_000;

        let order = format!("{} {round} {start}", server.url());
        let workers: Vec<_> =
            (0..PROCESSES).map(|_| worker::start("stampede::stampede_worker", &order)).collect();
        let reports: Vec<String> = workers.into_iter().flat_map(worker::report).collect();

        let loads = store.get(&loads(round)).await.unwrap().expect("somebody loaded");
        let loads: usize = std::str::from_utf8(&loads).unwrap().parse().unwrap();
        println!("round {round}: {loads} load(s); {}", reports.join("; "));
        assert!(loads <= 2, "{loads} loads");
        assert_eq!(reports.len(), PROCESSES);
    }
}

/// Not a test but one of the four processes, when it is started as such.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stampede_worker() {
    let Some([url, round, start]) = worker::order() else { return };
    let (round, start): (usize, u64) = (round.parse().unwrap(), start.parse().unwrap());
    let store = worker::store(&url);
    let cache = config(round).build(&store).unwrap();
    // Connects, and may read what is over by then.
    cache.get(&key(round)).await.unwrap();
    until(start).await;

    let mut calls = JoinSet::new();
    for _ in 0..TASKS {
        let (cache, store) = (cache.clone(), Arc::new(store.clone()));
        let load = move || async move {
            store.increment(&loads(round), 1, None).await?;
            sleep(Duration::from_millis(200)).await;
            Ok(Some("new".into()))
        };
        calls.spawn(async move {
            let began = Instant::now();
            let answer = cache.get_or_load(&key(round), Duration::from_secs(60), load).await.unwrap();
            (answer.is_stale(), answer.into_value().unwrap(), began.elapsed())
        });
    }
    let answers = calls.join_all().await;
    let stale = answers.iter().filter(|(stale, ..)| *stale).count();
    for (stale, value, _) in &answers {
        assert_eq!(value.as_ref(), if *stale { b"old" } else { b"new" });
    }
    let longest = answers.iter().map(|(.., took)| *took).max().unwrap();
    println!("report: {} fresh, {stale} stale, longest {} ms", TASKS - stale, longest.as_millis());
}
