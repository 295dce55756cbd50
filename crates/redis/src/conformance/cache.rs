//! The rules of [`Watch`], by what is built on it: [`NearStore`] and [`Cache`](crate::cache::Cache).

#![expect(clippy::unwrap_used, clippy::missing_panics_doc, reason = "these are tests: a broken rule panics")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use maily_errors::{Code, Error};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use crate::cache::{CacheConfig, Cached, NearConfig, NearStore};
use crate::model::{Key, Swap};
use crate::port::{Store, Watch};

const SHORT: Duration = Duration::from_millis(60);
const LONG: Duration = Duration::from_secs(3600);

fn key(name: &'static str) -> Key {
    Key::new(name).unwrap()
}

/// Returns a near store whose link listens.
async fn near<S: Watch>(store: &S) -> NearStore<S> {
    let near = NearConfig::default().build(store).unwrap();
    let start = Instant::now();
    while !near.state().listening {
        assert!(start.elapsed() < Duration::from_secs(10), "the link does not listen");
        // The first call connects.
        let _ = near.get(&key("near-first")).await;
        sleep(Duration::from_millis(1)).await;
    }
    near
}

/// Without early refresh, which is a matter of chance.
fn config() -> CacheConfig {
    CacheConfig { beta: 0.0, hard_ms: 60_000, ..CacheConfig::default() }
}

/// Waits until the value is this one, at most ten seconds.
async fn becomes(near: &impl Store, key: &Key, value: Option<&'static str>) {
    let start = Instant::now();
    while near.get(key).await.unwrap() != value.map(Bytes::from) {
        assert!(start.elapsed() < Duration::from_secs(10), "{key} stays stale");
        sleep(Duration::from_millis(1)).await;
    }
}

/// Rule: whatever changes a value, who has read it hears of it.
pub async fn cache_hears_every_change<S: Watch>(store: &S) {
    let near = near(store).await;
    let key = key("near-change");
    let swap = |expected: &'static str, value: &'static str| Swap {
        expected: Some(expected.into()),
        value: Some(value.into()),
        ttl: None,
    };

    becomes(&near, &key, None).await;
    store.set(&key, "1".into(), None).await.unwrap();
    becomes(&near, &key, Some("1")).await;
    store.increment(&key, 1, None).await.unwrap();
    becomes(&near, &key, Some("2")).await;
    store.compare_and_set(&key, swap("2", "three")).await.unwrap();
    becomes(&near, &key, Some("three")).await;
    store.remove(&key).await.unwrap();
    becomes(&near, &key, None).await;
    store.set(&key, "4".into(), Some(LONG)).await.unwrap();
    becomes(&near, &key, Some("4")).await;
    store.expire(&key, Some(Duration::from_millis(1))).await.unwrap();
    becomes(&near, &key, None).await;
}

/// Rule: after a write of one's own no older value is read, however fast one reads.
pub async fn cache_returns_own_writes<S: Watch>(store: &S) {
    let near = near(store).await;
    let key = key("near-own");
    for number in 0..100_i64 {
        near.set(&key, number.to_string().into(), None).await.unwrap();
        for _ in 0..3 {
            assert_eq!(near.get(&key).await.unwrap(), Some(number.to_string().into()));
        }
    }
    near.remove(&key).await.unwrap();
    assert_eq!(near.get(&key).await.unwrap(), None);
}

/// Rule: a value that is near ends when it ends in the store.
pub async fn cache_ends_values_on_time<S: Watch>(store: &S) {
    let near = near(store).await;
    let key = key("near-end");
    store.set(&key, "v".into(), Some(SHORT)).await.unwrap();
    let start = Instant::now();
    while near.get(&key).await.unwrap().is_some() {
        assert!(start.elapsed() < SHORT + Duration::from_secs(10), "the value does not end");
        tokio::task::yield_now().await;
    }
    assert_eq!(store.get(&key).await.unwrap(), None);
}

/// Rule: a value that many write at once is the same for all who read it once it is quiet.
pub async fn cache_is_never_stale_for_good<S: Watch + 'static>(store: &S) {
    let key = key("near-race");
    let mut readers = Vec::new();
    for _ in 0..4 {
        readers.push(near(store).await);
    }
    let mut tasks = JoinSet::new();
    for reader in &readers {
        let (reader, key) = (reader.clone(), key.clone());
        tasks.spawn(async move {
            for _ in 0..300 {
                reader.get(&key).await.unwrap();
                tokio::task::yield_now().await;
            }
        });
    }
    for writer in 0..2 {
        let (store, key) = (store.clone(), key.clone());
        tasks.spawn(async move {
            for number in 0..200 {
                store.set(&key, format!("{writer}-{number}").into(), None).await.unwrap();
            }
        });
    }
    tasks.join_all().await;

    store.set(&key, "last".into(), None).await.unwrap();
    for reader in &readers {
        becomes(reader, &key, Some("last")).await;
    }
}

/// Rule: of many callers of many caches one loads, and all get what it brings.
pub async fn cache_loads_once_for_all<S: Watch + 'static>(store: &S) {
    let loads = Arc::new(AtomicUsize::new(0));
    let mut calls = JoinSet::new();
    for _ in 0..4 {
        let cache = config().build(store).unwrap();
        for _ in 0..100 {
            let (cache, loads) = (cache.clone(), Arc::clone(&loads));
            let load = move || async move {
                loads.fetch_add(1, Ordering::SeqCst);
                sleep(Duration::from_millis(200)).await;
                Ok(Some("loaded".into()))
            };
            calls.spawn(async move { cache.get_or_load(&key("load-once"), LONG, load).await.unwrap() });
        }
    }

    for answer in calls.join_all().await {
        assert_eq!(answer, Cached::Fresh(Some("loaded".into())));
    }
    // Two if this machine stands still for longer than a lease.
    assert!(loads.load(Ordering::SeqCst) <= 2, "{loads:?} loads");
}

/// Rule: a load that began before a removal does not bring the old value back.
pub async fn cache_keeps_no_load_that_a_removal_overtook<S: Watch + 'static>(store: &S) {
    let (loader, remover) = (config().build(store).unwrap(), config().build(store).unwrap());
    let (began, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let load = {
        let (began, go) = (Arc::clone(&began), Arc::clone(&go));
        move || async move {
            began.notify_one();
            go.notified().await;
            Ok(Some("old".into()))
        }
    };
    let call = tokio::spawn(async move { loader.get_or_load(&key("load-race"), LONG, load).await });
    began.notified().await;

    remover.remove(&key("load-race")).await.unwrap();
    go.notify_one();

    assert_eq!(call.await.unwrap().unwrap(), Cached::Fresh(Some("old".into())));
    assert_eq!(remover.get(&key("load-race")).await.unwrap(), None);
}

/// Rule: a value whose time is over is answered, as stale, when the loader fails or takes too long.
pub async fn cache_answers_stale_for_a_loader_that_fails<S: Watch + 'static>(store: &S) {
    let mut config = config();
    config.soft_ms = 50;
    let cache = config.build(store).unwrap();
    for (name, slow) in [("stale-slow", true), ("stale-fails", false)] {
        let key = key(name);
        cache.get_or_load(&key, SHORT, || async { Ok(Some("old".into())) }).await.unwrap();
        let start = Instant::now();
        while cache.get(&key).await.unwrap().is_some() {
            assert!(start.elapsed() < Duration::from_secs(10), "the value does not end");
            sleep(Duration::from_millis(2)).await;
        }

        let load = move || async move {
            if slow {
                sleep(Duration::from_secs(5)).await;
            }
            Err(Error::from(Code::Unavailable))
        };
        let start = Instant::now();
        let answer = cache.get_or_load(&key, LONG, load).await.unwrap();
        assert_eq!(answer, Cached::Stale(Some("old".into())));
        assert!(start.elapsed() < Duration::from_secs(4), "{:?}", start.elapsed());
    }
}

/// Rule: that there is no value is known, too, and only until there is one.
pub async fn cache_keeps_absence<S: Watch + 'static>(store: &S) {
    let cache = config().build(store).unwrap();
    let key = key("load-absent");
    let absent = cache.get_or_load(&key, LONG, || async { Ok(None) }).await.unwrap();
    let again = cache.get_or_load(&key, LONG, || async { Ok(Some("too late".into())) }).await.unwrap();
    assert_eq!((absent, again), (Cached::Fresh(None), Cached::Fresh(None)));

    cache.set(&key, "there".into(), LONG).await.unwrap();
    assert_eq!(cache.get(&key).await.unwrap(), Some("there".into()));
}
