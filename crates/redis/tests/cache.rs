//! The cache answers from near, loads once, and answers the old value when nothing better comes.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use maily_errors::{Code, Error, Result};
use maily_redis::cache::{Cache, CacheConfig, Cached, NearConfig};
use maily_redis::{Key, MemoryStore, Store as _};
use tokio::sync::Notify;
use tokio::time::{Instant, advance, sleep};

const TTL: Duration = Duration::from_secs(60);

/// Counts how often it loads.
#[derive(Clone, Debug, Default)]
struct Source {
    loads: Arc<AtomicUsize>,
}

impl Source {
    /// Returns a loader that takes a while and says how many there were.
    fn load(&self, takes: Duration) -> impl FnOnce() -> Loading + Send + 'static {
        let loads = Arc::clone(&self.loads);
        move || {
            Box::pin(async move {
                let number = loads.fetch_add(1, Ordering::SeqCst) + 1;
                sleep(takes).await;
                Ok(Some(number.to_string().into()))
            })
        }
    }

    fn count(&self) -> usize {
        self.loads.load(Ordering::SeqCst)
    }
}

type Loading = std::pin::Pin<Box<dyn Future<Output = Result<Option<Bytes>>> + Send>>;

fn key() -> Key {
    Key::new("key").expect("a valid key")
}

/// Without early refresh, which has a test of its own.
fn config() -> CacheConfig {
    let mut config = CacheConfig::default();
    config.beta = 0.0;
    config
}

fn cache(config: CacheConfig) -> (MemoryStore, Cache<MemoryStore>) {
    let store = MemoryStore::default();
    let cache = config.build(&store).expect("valid settings");
    (store, cache)
}

fn fails() -> Loading {
    Box::pin(async { Err(Error::from(Code::Unavailable)) })
}

fn fresh(value: &'static str) -> Cached {
    Cached::Fresh(Some(value.into()))
}

fn stale(value: &'static str) -> Cached {
    Cached::Stale(Some(value.into()))
}

#[tokio::test(start_paused = true)]
async fn value_is_loaded_once_until_its_time_is_over() -> Result<()> {
    let (_store, cache) = cache(config());
    let source = Source::default();

    for _ in 0..10 {
        assert_eq!(cache.get_or_load(&key(), TTL, source.load(Duration::ZERO)).await?, fresh("1"));
    }
    advance(TTL).await;
    assert_eq!(cache.get_or_load(&key(), TTL, source.load(Duration::ZERO)).await?, fresh("2"));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn thousand_callers_share_one_load() {
    let (_store, cache) = cache(config());
    let source = Source::default();
    let calls = (0..1000).map(|_| {
        let (cache, load) = (cache.clone(), source.load(Duration::from_millis(200)));
        tokio::spawn(async move { cache.get_or_load(&key(), TTL, load).await.unwrap() })
    });

    for call in calls.collect::<Vec<_>>() {
        assert_eq!(call.await.unwrap(), fresh("1"));
    }
    assert_eq!(source.count(), 1);
}

#[tokio::test(start_paused = true)]
async fn caches_of_one_store_share_one_load() {
    let store = MemoryStore::default();
    let source = Source::default();
    // As many processes have: each with flights of its own.
    let caches: Vec<_> = (0..4).map(|_| config().build(&store).unwrap()).collect();
    let calls = (0..400).map(|call| {
        let (cache, load) = (caches[call % 4].clone(), source.load(Duration::from_secs(3)));
        tokio::spawn(async move { cache.get_or_load(&key(), TTL, load).await.unwrap() })
    });

    for call in calls.collect::<Vec<_>>() {
        assert_eq!(call.await.unwrap(), fresh("1"));
    }
    assert_eq!(source.count(), 1);
}

#[tokio::test(start_paused = true)]
async fn load_goes_on_when_its_first_caller_gives_up() {
    let (_store, cache) = cache(config());
    let source = Source::default();
    let first = {
        let (cache, load) = (cache.clone(), source.load(Duration::from_millis(200)));
        tokio::spawn(async move { cache.get_or_load(&key(), TTL, load).await })
    };
    while source.count() == 0 {
        tokio::task::yield_now().await;
    }

    first.abort();
    let second = cache.get_or_load(&key(), TTL, source.load(Duration::ZERO)).await.unwrap();

    assert_eq!(second, fresh("1"));
}

#[tokio::test(start_paused = true)]
async fn panicking_loader_is_an_error_and_the_next_caller_loads() {
    let (_store, cache) = cache(config());
    let source = Source::default();

    let panics = cache.get_or_load(&key(), TTL, || async { panic!("on purpose") }).await;
    let next = cache.get_or_load(&key(), TTL, source.load(Duration::ZERO)).await;

    assert_eq!(panics.unwrap_err().code(), Code::Panicked);
    assert_eq!(next.unwrap(), fresh("1"));
}

#[tokio::test(start_paused = true)]
async fn error_of_the_loader_reaches_all_who_wait() {
    let (_store, cache) = cache(config());
    let calls = (0..10).map(|_| {
        let cache = cache.clone();
        tokio::spawn(async move {
            let load = || async {
                sleep(Duration::from_millis(50)).await;
                Err(Error::new(Code::Unavailable, "the database is away").into_persistent())
            };
            cache.get_or_load(&key(), TTL, load).await.unwrap_err()
        })
    });

    for call in calls.collect::<Vec<_>>() {
        let err = call.await.unwrap();
        assert_eq!((err.code(), err.message()), (Code::Unavailable, "the database is away"));
        assert!(!err.is_temporary());
    }
}

#[tokio::test(start_paused = true)]
async fn slow_load_serves_the_old_value_after_the_soft_timeout_and_goes_on() -> Result<()> {
    let (_store, cache) = cache(config());
    let source = Source::default();
    cache.get_or_load(&key(), TTL, source.load(Duration::ZERO)).await?;
    advance(TTL).await;

    let start = Instant::now();
    let old = cache.get_or_load(&key(), TTL, source.load(Duration::from_secs(2))).await?;
    assert_eq!((old, start.elapsed()), (stale("1"), Duration::from_millis(100)));

    sleep(Duration::from_secs(2)).await;
    let new = cache.get_or_load(&key(), TTL, source.load(Duration::ZERO)).await?;
    assert_eq!((new, source.count()), (fresh("2"), 2));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn failing_loader_serves_the_old_value_and_is_left_alone_for_a_while() -> Result<()> {
    let (_store, cache) = cache(config());
    let source = Source::default();
    cache.get_or_load(&key(), TTL, source.load(Duration::ZERO)).await?;
    advance(TTL).await;

    let tries = Arc::new(AtomicUsize::new(0));
    let failing = || {
        let tries = Arc::clone(&tries);
        move || {
            tries.fetch_add(1, Ordering::SeqCst);
            fails()
        }
    };
    for _ in 0..100 {
        assert_eq!(cache.get_or_load(&key(), TTL, failing()).await?, stale("1"));
    }
    assert_eq!(tries.load(Ordering::SeqCst), 1);

    // One second, then two.
    advance(Duration::from_millis(1000)).await;
    assert_eq!(cache.get_or_load(&key(), TTL, failing()).await?, stale("1"));
    advance(Duration::from_millis(1999)).await;
    assert_eq!(cache.get_or_load(&key(), TTL, failing()).await?, stale("1"));
    assert_eq!(tries.load(Ordering::SeqCst), 2);
    advance(Duration::from_millis(1)).await;
    assert_eq!(cache.get_or_load(&key(), TTL, source.load(Duration::ZERO)).await?, fresh("2"));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn old_value_is_gone_when_its_stale_time_is_over() -> Result<()> {
    let mut config = config();
    config.stale_ms = 5000;
    let (store, cache) = cache(config);
    let source = Source::default();
    cache.get_or_load(&key(), TTL, source.load(Duration::ZERO)).await?;

    advance(TTL + Duration::from_secs(5)).await;

    assert_eq!(cache.get_or_load(&key(), TTL, fails).await.unwrap_err().code(), Code::Unavailable);
    assert_eq!(store.get(&key()).await?, None);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn load_that_hangs_is_given_up_at_the_hard_timeout() {
    let (_store, cache) = cache(config());
    let start = Instant::now();

    let err = cache.get_or_load(&key(), TTL, std::future::pending::<Result<_>>).await.unwrap_err();

    assert_eq!((err.code(), start.elapsed()), (Code::Timeout, Duration::from_secs(10)));
}

#[tokio::test(start_paused = true)]
async fn absence_is_kept_for_its_own_time() -> Result<()> {
    let (_store, cache) = cache(config());
    let source = Source::default();

    let absent = || Box::pin(async { Ok(None) }) as Loading;
    assert_eq!(cache.get_or_load(&key(), TTL, absent).await?, Cached::Fresh(None));
    assert_eq!(cache.get_or_load(&key(), TTL, source.load(Duration::ZERO)).await?, Cached::Fresh(None));
    advance(Duration::from_secs(10)).await;
    assert_eq!(cache.get_or_load(&key(), TTL, source.load(Duration::ZERO)).await?, fresh("1"));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn load_that_began_before_a_removal_is_not_stored() -> Result<()> {
    for elsewhere in [false, true] {
        let (store, cache) = cache(config());
        // Another process removes through a cache of its own.
        let other = if elsewhere { config().build(&store)? } else { cache.clone() };
        let (began, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let before = {
            let (cache, began, go) = (cache.clone(), Arc::clone(&began), Arc::clone(&go));
            let load = || async move {
                began.notify_one();
                go.notified().await;
                Ok(Some("before".into()))
            };
            tokio::spawn(async move { cache.get_or_load(&key(), TTL, load).await })
        };
        began.notified().await;

        other.remove(&key()).await?;
        sleep(Duration::from_millis(1)).await;
        let after = {
            let cache = cache.clone();
            let load = || async { Ok(Some("after".into())) };
            tokio::spawn(async move { cache.get_or_load(&key(), TTL, load).await })
        };
        sleep(Duration::from_millis(1)).await;
        go.notify_one();

        // Who asked before the removal may have the old value; who asks after it has not.
        assert_eq!(before.await.unwrap()?, fresh("before"));
        assert_eq!(after.await.unwrap()?, fresh("after"));
        assert_eq!(cache.get(&key()).await?, Some("after".into()));
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn value_that_is_set_is_not_replaced_by_an_older_load() -> Result<()> {
    let (_store, cache) = cache(config());
    let (began, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let before = {
        let (cache, began, go) = (cache.clone(), Arc::clone(&began), Arc::clone(&go));
        let load = || async move {
            began.notify_one();
            go.notified().await;
            Ok(Some("loaded".into()))
        };
        tokio::spawn(async move { cache.get_or_load(&key(), TTL, load).await })
    };
    began.notified().await;

    cache.set(&key(), "set".into(), TTL).await?;
    go.notify_one();
    before.await.unwrap()?;

    assert_eq!(cache.get(&key()).await?, Some("set".into()));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn value_near_its_end_is_loaded_in_the_background() -> Result<()> {
    let (_store, cache) = cache(CacheConfig::default());
    let source = Source::default();
    cache.get_or_load(&key(), TTL, source.load(Duration::from_millis(500))).await?;

    // Hits until a tenth of a second before the end: the load took half a second, so some hit is early.
    let start = Instant::now();
    while source.count() == 1 {
        assert!(start.elapsed() < TTL - Duration::from_millis(600), "no hit was early");
        assert_eq!(cache.get_or_load(&key(), TTL, source.load(Duration::ZERO)).await?, fresh("1"));
        sleep(Duration::from_millis(10)).await;
    }

    sleep(Duration::from_millis(10)).await;
    assert_eq!(cache.get_or_load(&key(), TTL, source.load(Duration::ZERO)).await?, fresh("2"));
    assert!(start.elapsed() < TTL);
    Ok(())
}

#[tokio::test]
async fn key_with_a_value_of_somebody_else_is_refused() -> Result<()> {
    let (store, cache) = cache(config());
    store.set(&key(), "plain".into(), None).await?;

    assert_eq!(cache.get(&key()).await.unwrap_err().code(), Code::RedisWrongType);
    let loaded = cache.get_or_load(&key(), TTL, fails).await;
    assert_eq!(loaded.unwrap_err().code(), Code::RedisWrongType);
    assert_eq!(store.get(&key()).await?, Some("plain".into()));
    Ok(())
}

#[tokio::test]
async fn loop_of_hits_lets_other_tasks_run() -> Result<()> {
    let (_store, cache) = cache(config());
    cache.set(&key(), "v".into(), TTL).await?;
    let ran = Arc::new(AtomicUsize::new(0));
    let other = tokio::spawn({
        let ran = Arc::clone(&ran);
        async move { ran.fetch_add(1, Ordering::SeqCst) }
    });

    // One thread: without the budget nothing else would run before the loop ends.
    let mut hits = 0;
    while ran.load(Ordering::SeqCst) == 0 {
        hits += 1;
        assert!(hits < 100_000, "the loop starves the runtime");
        cache.get(&key()).await?;
    }
    other.await.unwrap();
    Ok(())
}

#[test]
fn numbers_out_of_range_are_refused() {
    let store = MemoryStore::default();
    let near = |change: fn(&mut NearConfig)| {
        let mut config = NearConfig::default();
        change(&mut config);
        config.build(&store).map(drop).unwrap_err().code()
    };
    assert_eq!(near(|config| config.max_entries = 0), Code::ConfigInvalid);
    assert_eq!(near(|config| config.max_bytes = 4095), Code::ConfigInvalid);
    assert_eq!(near(|config| config.max_age_ms = 0), Code::ConfigInvalid);

    let whole = |change: fn(&mut CacheConfig)| {
        let mut config = CacheConfig::default();
        change(&mut config);
        config.build(&store).map(drop).unwrap_err().code()
    };
    assert_eq!(whole(|config| config.hard_ms = 0), Code::ConfigInvalid);
    assert_eq!(whole(|config| config.soft_ms = 10_001), Code::ConfigInvalid);
    assert_eq!(whole(|config| config.lease_ms = 9), Code::ConfigInvalid);
    assert_eq!(whole(|config| config.beta = f64::NAN), Code::ConfigInvalid);
    assert_eq!(whole(|config| config.near.max_entries = 0), Code::ConfigInvalid);
}
