//! What is near is never older than what was heard, in every order of events.

mod order;
mod pure;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use maily_errors::{Code, Error, Result};
use parking_lot::Mutex;
use tokio::sync::Semaphore;
use tokio::time::{Instant, advance, sleep};

use super::envelope::{Envelope, Lease};
use super::{CacheConfig, Cached, NearConfig, NearStore};
use crate::MemoryStore;
use crate::model::{Event, Held, Key, Swap};
use crate::port::{Listener, Store, Watch, Watched};

const TTL: Duration = Duration::from_secs(60);

/// A store whose link the test plays: it says what is heard, and holds replies back.
#[derive(Clone)]
struct Played(Arc<Link>);

struct Link {
    store: MemoryStore,
    listener: Mutex<Option<Listener>>,
    /// How many replies may come through.
    replies: Semaphore,
    reads: AtomicUsize,
    fails: AtomicBool,
}

impl Played {
    /// Returns a store whose link listens and whose replies come at once.
    fn new() -> (Self, NearStore<Self>) {
        let link = Link {
            store: MemoryStore::default(),
            listener: Mutex::new(None),
            replies: Semaphore::new(1000),
            reads: AtomicUsize::new(0),
            fails: AtomicBool::new(false),
        };
        let played = Self(Arc::new(link));
        let near = NearConfig::default().build(&played).unwrap();
        played.says(Event::Listening);
        (played, near)
    }

    fn says(&self, event: Event) {
        let listener = self.0.listener.lock().clone().unwrap();
        listener(event);
    }

    fn says_changed(&self, key: &Key) {
        self.says(Event::Changed(Some(vec![key.bytes()])));
    }

    fn reads(&self) -> usize {
        self.0.reads.load(Ordering::SeqCst)
    }

    fn fails(&self, fails: bool) {
        self.0.fails.store(fails, Ordering::SeqCst);
    }

    fn check(&self) -> Result<()> {
        if self.0.fails.load(Ordering::SeqCst) { Err(Code::RedisUnreachable.into()) } else { Ok(()) }
    }

    /// Begins a read whose reply is held back, and returns once the store has answered it.
    async fn begins(&self, near: &NearStore<Self>) -> tokio::task::JoinHandle<Option<Bytes>> {
        let before = self.reads();
        self.0.replies.forget_permits(1000);
        let near = near.clone();
        let read = tokio::spawn(async move { near.get(&key()).await.unwrap() });
        while self.reads() == before {
            tokio::task::yield_now().await;
        }
        read
    }

    async fn ends(&self, read: tokio::task::JoinHandle<Option<Bytes>>) -> Option<Bytes> {
        self.0.replies.add_permits(1000);
        read.await.unwrap()
    }
}

impl Store for Played {
    async fn get(&self, key: &Key) -> Result<Option<Bytes>> {
        self.check()?;
        self.0.store.get(key).await
    }

    async fn set(&self, key: &Key, value: Bytes, ttl: Option<Duration>) -> Result<()> {
        self.check()?;
        self.0.store.set(key, value, ttl).await
    }

    async fn compare_and_set(&self, key: &Key, swap: Swap) -> Result<bool> {
        self.check()?;
        self.0.store.compare_and_set(key, swap).await
    }

    async fn increment(&self, key: &Key, by: i64, ttl: Option<Duration>) -> Result<i64> {
        self.0.store.increment(key, by, ttl).await
    }

    async fn expire(&self, key: &Key, ttl: Option<Duration>) -> Result<bool> {
        self.0.store.expire(key, ttl).await
    }

    async fn remove(&self, key: &Key) -> Result<bool> {
        self.0.store.remove(key).await
    }
}

impl Watch for Played {
    type Watched = Self;

    fn watch(&self, listener: Listener) -> Self {
        *self.0.listener.lock() = Some(listener);
        self.clone()
    }

    fn silence(&self) -> Duration {
        Duration::from_secs(2)
    }
}

impl Watched for Played {
    async fn read(&self, key: &Key) -> Result<Option<Held>> {
        self.check()?;
        let held = self.0.store.parts().values.read(key);
        self.0.reads.fetch_add(1, Ordering::SeqCst);
        drop(self.0.replies.acquire().await);
        Ok(held)
    }
}

fn key() -> Key {
    Key::new("key").unwrap()
}

#[tokio::test]
async fn reply_that_a_change_overtook_is_not_kept() {
    let (played, near) = Played::new();
    played.set(&key(), "old".into(), None).await.unwrap();

    let read = played.begins(&near).await;
    played.set(&key(), "new".into(), None).await.unwrap();
    played.says_changed(&key());

    assert_eq!(played.ends(read).await, Some("old".into()));
    assert_eq!(near.get(&key()).await.unwrap(), Some("new".into()));
}

#[tokio::test]
async fn reply_that_an_own_write_overtook_is_not_kept() {
    let (played, near) = Played::new();
    near.set(&key(), "old".into(), None).await.unwrap();

    let read = played.begins(&near).await;
    near.set(&key(), "new".into(), None).await.unwrap();

    assert_eq!(played.ends(read).await, Some("old".into()));
    assert_eq!(near.get(&key()).await.unwrap(), Some("new".into()));
}

#[tokio::test]
async fn own_write_that_failed_is_believed_to_have_happened() {
    let (played, near) = Played::new();
    assert_eq!(near.get(&key()).await.unwrap(), None);

    // The answer was lost, the write was not.
    played.0.store.set(&key(), "written".into(), None).await.unwrap();
    played.fails(true);
    near.set(&key(), "written".into(), None).await.unwrap_err();
    played.fails(false);

    assert_eq!(near.get(&key()).await.unwrap(), Some("written".into()));
}

#[tokio::test]
async fn nothing_is_believed_from_a_loss_until_the_link_listens() {
    let (played, near) = Played::new();
    near.get(&key()).await.unwrap();
    assert!(near.state().listening);

    played.says(Event::Lost);
    assert!(!near.state().listening);
    for _ in 0..3 {
        near.get(&key()).await.unwrap();
    }
    assert_eq!(played.reads(), 4);

    played.says(Event::Listening);
    for _ in 0..3 {
        near.get(&key()).await.unwrap();
    }
    assert_eq!(played.reads(), 5);
}

#[tokio::test]
async fn reply_of_a_connection_that_was_lost_is_not_believed() {
    let (played, near) = Played::new();
    let read = played.begins(&near).await;
    played.says(Event::Lost);
    played.says(Event::Listening);
    // Nobody tells of this change: the server did not note the read of the old connection on the new one.
    played.set(&key(), "new".into(), None).await.unwrap();

    assert_eq!(played.ends(read).await, None);
    assert_eq!(near.get(&key()).await.unwrap(), Some("new".into()));
}

#[tokio::test]
async fn flush_voids_everything() {
    let (played, near) = Played::new();
    played.set(&key(), "old".into(), None).await.unwrap();
    near.get(&key()).await.unwrap();

    played.remove(&key()).await.unwrap();
    played.says(Event::Changed(None));

    assert!(near.last(&key()).is_none());
    assert_eq!(near.get(&key()).await.unwrap(), None);
}

#[tokio::test(start_paused = true)]
async fn entry_ends_with_the_value_and_at_its_greatest_age() {
    let (played, near) = Played::new();
    played.set(&key(), "v".into(), Some(Duration::from_secs(5))).await.unwrap();
    near.get(&key()).await.unwrap();

    advance(Duration::from_millis(4999)).await;
    near.get(&key()).await.unwrap();
    assert_eq!(played.reads(), 1);
    advance(Duration::from_millis(1)).await;
    assert_eq!(near.get(&key()).await.unwrap(), None);
    assert_eq!(played.reads(), 2);

    advance(Duration::from_secs(60)).await;
    near.get(&key()).await.unwrap();
    assert_eq!(played.reads(), 3);
}

#[tokio::test]
async fn entries_and_bytes_keep_their_limits() {
    let few = NearConfig { max_entries: 100, ..NearConfig::default() };
    let small = NearConfig { max_bytes: 64 * 1024, ..NearConfig::default() };
    for (config, bytes, entries) in [(few, 1, 100), (small, 1000, 64)] {
        let store = MemoryStore::default();
        let near = config.build(&store).unwrap();
        for number in 0..2000 {
            let key = Key::new(format!("key-{number}")).unwrap();
            store.set(&key, vec![0; bytes].into(), None).await.unwrap();
            near.get(&key).await.unwrap();
            let state = near.state();
            assert!(state.entries <= entries, "{state:?}");
            assert!(state.bytes <= config.max_bytes as u64, "{state:?}");
        }
        assert!(near.state().entries >= entries / 2, "{:?}", near.state());
    }
}

#[tokio::test(start_paused = true)]
async fn server_that_fails_is_answered_for_by_the_last_known_value() {
    let (played, _near) = Played::new();
    let cache = CacheConfig::default().build(&played).unwrap();
    played.says(Event::Listening);
    cache.set(&key(), "known".into(), TTL).await.unwrap();
    cache.get(&key()).await.unwrap();

    played.says(Event::Lost);
    played.fails(true);
    let load = || async { Err(Error::from(Code::Unavailable)) };
    let stale = cache.get_or_load(&key(), TTL, load).await.unwrap();
    assert_eq!(stale, Cached::Stale(Some("known".into())));

    // A key that was never seen is loaded, and not kept.
    let other = Key::new("other").unwrap();
    let load = || async { Ok(Some("loaded".into())) };
    assert_eq!(cache.get_or_load(&other, TTL, load).await.unwrap(), Cached::Fresh(Some("loaded".into())));
    assert_eq!(cache.get(&other).await.unwrap_err().code(), Code::RedisUnreachable);
}

#[tokio::test(start_paused = true)]
async fn value_that_is_refreshed_early_is_answered_fresh_and_at_once() {
    let (played, _near) = Played::new();
    let cache = CacheConfig { beta: 100.0, ..CacheConfig::default() }.build(&played).unwrap();
    played.says(Event::Listening);
    let (ttl, loads) = (Duration::from_secs(5), Arc::new(AtomicUsize::new(0)));
    let seen = loads.clone();
    let load = move || {
        let number = seen.fetch_add(1, Ordering::Relaxed);
        async move {
            sleep(Duration::from_secs(2)).await;
            Ok(Some(if number == 0 { "first" } else { "refreshed" }.into()))
        }
    };
    let first = Cached::Fresh(Some("first".into()));
    assert_eq!(cache.get_or_load(&key(), ttl, load.clone()).await.unwrap(), first);

    // By chance, which is great here.
    while loads.load(Ordering::Relaxed) < 2 {
        assert_eq!(cache.get_or_load(&key(), ttl, load.clone()).await.unwrap(), first);
        tokio::task::yield_now().await;
    }
    played.says_changed(&key());
    let start = Instant::now();

    assert_eq!(cache.get_or_load(&key(), ttl, load).await.unwrap(), first);
    assert_eq!(start.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn lease_of_a_process_that_died_is_taken_over() {
    let store = MemoryStore::default();
    let cache = CacheConfig::default().build(&store).unwrap();
    let mut dead = Envelope::empty();
    dead.lease = Some(Lease { holder: 7, beat: 1 });
    store.set(&key(), dead.encode(), Some(TTL)).await.unwrap();

    let start = Instant::now();
    let loaded = cache.get_or_load(&key(), TTL, || async { Ok(Some("v".into())) }).await.unwrap();

    assert_eq!(loaded, Cached::Fresh(Some("v".into())));
    assert!((1000..1100).contains(&start.elapsed().as_millis()), "{:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn lease_on_a_value_that_ended_during_a_failed_load_is_given_back() {
    let store = MemoryStore::default();
    let config = CacheConfig { stale_ms: 100, beta: 0.0, ..CacheConfig::default() };
    let cache = config.build(&store).unwrap();
    cache.set(&key(), "old".into(), Duration::from_secs(1)).await.unwrap();
    advance(Duration::from_millis(1050)).await;

    let slow = || async {
        sleep(Duration::from_millis(90)).await;
        Err(Error::from(Code::Unavailable))
    };
    let stale = cache.get_or_load(&key(), TTL, slow).await.unwrap();

    assert_eq!(stale, Cached::Stale(Some("old".into())));
    assert_eq!(store.get(&key()).await.unwrap(), None);
}
