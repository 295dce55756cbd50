//! The old value is answered within the soft timeout when the loader or the server fails.

use std::time::{Duration, Instant};

use maily_errors::{Code, Error};
use maily_redis::cache::{Cache, CacheConfig, Cached};
use maily_redis::{Key, ServerStore};
use maily_store_redis::RedisTransport;
use maily_store_redis::testing::Server;
use tokio::time::sleep;

use crate::worker;

const SOFT: Duration = Duration::from_millis(100);

/// What a machine with much else to do may add.
const SLACK: Duration = Duration::from_secs(1);

fn key() -> Key {
    Key::new("failing").unwrap()
}

fn stale() -> Cached {
    Cached::Stale(Some("old".into()))
}

/// Returns a cache whose value is over.
async fn over(server: &Server) -> Cache<ServerStore<RedisTransport>> {
    let mut config = CacheConfig::default();
    config.beta = 0.0;
    let cache = config.build(&worker::store(&server.url())).unwrap();
    cache.set(&key(), "old".into(), Duration::from_millis(50)).await.unwrap();
    let start = Instant::now();
    while cache.get(&key()).await.unwrap().is_some() {
        assert!(start.elapsed() < Duration::from_secs(10), "the value does not end");
        sleep(Duration::from_millis(1)).await;
    }
    cache
}

async fn fails() -> maily_errors::Result<Option<bytes::Bytes>> {
    Err(Error::from(Code::Unavailable))
}

#[tokio::test]
async fn loader_that_fails_or_hangs_serves_the_old_value_within_the_soft_timeout() {
    let Some(server) = Server::start() else { return };
    let cache = over(&server).await;
    let minute = Duration::from_secs(60);

    let start = Instant::now();
    let hangs = cache.get_or_load(&key(), minute, std::future::pending).await.unwrap();
    let hung = start.elapsed();
    assert_eq!(hangs, stale());

    let cache = over(&server).await;
    let start = Instant::now();
    let fails = cache.get_or_load(&key(), minute, fails).await.unwrap();
    let failed = start.elapsed();
    assert_eq!(fails, stale());

    println!("the loader hangs: stale after {hung:?}; it fails: stale after {failed:?}");
    assert!(hung >= SOFT && hung < SOFT + SLACK, "{hung:?}");
    assert!(failed < SOFT + SLACK, "{failed:?}");
}

#[tokio::test]
async fn server_that_hangs_or_dies_is_answered_for_within_the_soft_timeout() {
    let Some(server) = Server::start() else { return };
    let cache = over(&server).await;
    let minute = Duration::from_secs(60);

    server.pause();
    let start = Instant::now();
    let answer = cache.get_or_load(&key(), minute, fails).await.unwrap();
    let hung = start.elapsed();
    server.resume();
    assert_eq!(answer, stale());

    let cache = over(&server).await;
    server.kill();
    let start = Instant::now();
    let answer = cache.get_or_load(&key(), minute, fails).await.unwrap();
    let killed = start.elapsed();
    assert_eq!(answer, stale());
    // What was never there is loaded, and not kept.
    let other = Key::new("other").unwrap();
    let loaded = cache.get_or_load(&other, minute, || async { Ok(Some("new".into())) }).await.unwrap();
    assert_eq!(loaded, Cached::Fresh(Some("new".into())));

    println!("the server hangs: stale after {hung:?}; it is killed: stale after {killed:?}");
    assert!(hung < SOFT + SLACK, "{hung:?}");
    assert!(killed < SOFT + SLACK, "{killed:?}");
}
