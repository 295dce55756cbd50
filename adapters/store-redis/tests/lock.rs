//! A lock stays a lock when its holder is stopped, and when its server is away for a while.
#![cfg(feature = "conformance")]
#![expect(clippy::unwrap_used, reason = "the helpers of tests are tests too")]

use std::env;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use maily_redis::lock::{FencedStore, Lock};
use maily_redis::{Key, ServerStore};
use maily_store_redis::testing::{Product, Server};
use maily_store_redis::{RedisConfig, RedisTransport};
use tokio::time::sleep;

/// What a machine with much else to do may need.
const PATIENCE: Duration = Duration::from_secs(30);

fn store(url: &str) -> ServerStore<RedisTransport> {
    RedisConfig::new(url).build().expect("valid settings")
}

fn name() -> Key {
    Key::new("{job}:7").unwrap()
}

fn resource() -> Key {
    Key::new("resource").unwrap()
}

/// A process that holds the lock, and what it says.
struct Holder {
    process: Child,
    lines: BufReader<ChildStdout>,
}

impl Holder {
    fn start(url: &str) -> Self {
        let mut process = Command::new(env::current_exe().unwrap())
            .args(["holder_of_a_lock", "--exact", "--nocapture"])
            .env("MAILY_TEST_HOLDER", url)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap());
        Self { process, lines }
    }

    /// Returns what it says behind a word, as soon as it does.
    fn says(&mut self, word: &str) -> String {
        let mut line = String::new();
        loop {
            line.clear();
            assert!(self.lines.read_line(&mut line).unwrap() > 0, "the holder ended without `{word}`");
            if let Some((_, rest)) = line.split_once(word) {
                return rest.trim().to_owned();
            }
        }
    }

    fn signal(&self, name: &str) {
        let status = Command::new("kill").args([format!("-{name}"), self.process.id().to_string()]).status();
        assert!(status.unwrap().success());
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        self.process.kill().and_then(|()| self.process.wait()).ok();
    }
}

/// Not a test but the process that is stopped, when it is started as such. It never looks whether it holds the lock:
/// the worst that a program can do.
#[tokio::test]
async fn holder_of_a_lock() {
    let Ok(url) = env::var("MAILY_TEST_HOLDER") else { return };
    let store = store(&url);
    let resource_store = FencedStore::new(store.clone());
    let guard = Lock::new(store).acquire(&name(), Duration::from_secs(1), PATIENCE).await.unwrap();
    let mut writes = 0_u64;
    let refused = loop {
        if let Err(err) = resource_store.set(&resource(), guard.token(), "from the holder".into()).await {
            // After the pause the connection may be gone; the holder is stubborn.
            if !err.is_temporary() {
                break err;
            }
        }
        writes += 1;
        if writes == 10 {
            println!("\nholds: {}", guard.token());
        }
    };
    println!("\nrefused: {} held: {}", refused.code().name(), guard.is_held());
}

#[tokio::test]
async fn holder_that_was_stopped_for_longer_than_its_lease_writes_nothing_more() {
    let Some(server) = Server::start() else { return };
    let mut holder = Holder::start(&server.url());
    let first = holder.says("holds: ");
    let store = store(&server.url());
    let fenced = FencedStore::new(store.clone());

    holder.signal("STOP");
    let start = Instant::now();
    let guard = Lock::new(store).acquire(&name(), Duration::from_secs(10), PATIENCE).await.unwrap();
    println!("the next holder waited {:?} for a lease of 1 s", start.elapsed());
    fenced.set(&resource(), guard.token(), "from the next".into()).await.unwrap();
    holder.signal("CONT");
    let refused = holder.says("refused: ");

    println!("the stopped holder says: {refused}");
    assert_eq!(refused, "redis-token-stale held: false");
    assert!(first < guard.token().to_string());
    let (token, value) = fenced.get(&resource()).await.unwrap().unwrap();
    assert_eq!((token, value.as_ref()), (guard.token(), &b"from the next"[..]));
}

#[tokio::test]
async fn lease_outlives_three_seconds_of_loading() {
    // Loads one key in each millisecond, and says so meanwhile.
    let slow = ["--loading-process-events-interval-bytes", "1024"];
    let Some(server) = Server::start_with(Product::Redis7, &slow) else { return };
    let store = store(&server.url());
    let lock = Lock::new(store.clone());
    let guard = lock.acquire(&name(), Duration::from_secs(15), Duration::ZERO).await.unwrap();
    let fill = "for i = 1, 3000 do redis.call('SET', i, string.rep('x', 100)) end";
    server.ask(&["EVAL", fill, "0"]).unwrap();
    server.ask(&["SAVE"]).unwrap();

    server.kill();
    let (start, mut loading) = (Instant::now(), Duration::ZERO);
    let back = std::thread::spawn(move || {
        server.restart_with(&["--key-load-delay", "1000"]);
        server
    });
    while !back.is_finished() {
        if store.ping().await.is_err_and(|err| err.context().any(|(_, value)| *value == "LOADING")) {
            loading = start.elapsed();
        }
        sleep(Duration::from_millis(20)).await;
    }
    let server = back.join().unwrap();

    println!("the server was away and loading for {loading:?}");
    assert!(loading > Duration::from_secs(3), "{loading:?}\n{}", server.text(&["INFO", "persistence"]));
    // Past the next renewal.
    sleep(Duration::from_secs(15) / 3).await;
    assert!(guard.is_held());
    let busy = lock.acquire(&name(), Duration::from_secs(15), Duration::ZERO).await.unwrap_err();
    assert_eq!(busy.code().name(), "redis-lock-busy");
    guard.release().await.unwrap();
}

#[tokio::test]
async fn scripts_of_the_lock_are_known_by_their_hash() {
    let Some(server) = Server::start() else { return };
    let lock = Lock::new(store(&server.url()));
    let unknown = || server.info(&["INFO", "errorstats"], "errorstat_NOSCRIPT");
    let round = async || {
        let guard = lock.acquire(&name(), Duration::from_secs(4), PATIENCE).await.unwrap();
        // Past the first renewal, and not yet at the second.
        sleep(Duration::from_millis(1500)).await;
        assert!(guard.is_held());
        guard.release().await.unwrap();
    };

    round().await;
    assert_eq!(unknown(), "count=3");
    round().await;
    assert_eq!(unknown(), "count=3");

    server.ask(&["SCRIPT", "FLUSH"]).unwrap();
    round().await;
    assert_eq!(unknown(), "count=6");
}
