use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use maily_errors::{Code, Error, Result};
use parking_lot::Mutex;
use tokio::time::{Instant, advance, sleep, timeout};
use tower::service_fn;

use super::*;
use crate::{Command, Key, Leases, MemoryStore, Reply, StoreConfig};

const TTL: Duration = Duration::from_secs(10);
const WAIT: Duration = Duration::from_secs(60);

/// How a store misbehaves.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Mood {
    /// It does what it is asked.
    Well,
    /// It says that it is loading, without doing anything.
    Loading,
    /// It says nothing, without doing anything.
    Hung,
    /// It does what it is asked, and nobody hears the answer.
    Unheard,
    /// It refuses for good.
    Refusing,
}

#[derive(Clone, Debug)]
struct Moody {
    store: MemoryStore,
    mood: Arc<Mutex<Mood>>,
    calls: Arc<AtomicU32>,
}

impl Moody {
    fn new(mood: Mood) -> Self {
        Self { store: MemoryStore::default(), mood: Arc::new(Mutex::new(mood)), calls: Arc::default() }
    }

    fn become_(&self, mood: Mood) {
        *self.mood.lock() = mood;
    }

    async fn answer<T>(&self, call: impl Future<Output = Result<T>>) -> Result<T> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        let mood = *self.mood.lock();
        match mood {
            Mood::Well => call.await,
            Mood::Loading => Err(Error::from(Code::RedisUnreachable)),
            Mood::Hung => pending().await,
            Mood::Unheard => {
                call.await?;
                pending().await
            }
            Mood::Refusing => Err(Error::from(Code::RedisPasswordRefused)),
        }
    }
}

impl Leases for Moody {
    async fn acquire(&self, name: &Key, owner: Owner, ttl: Duration, patience: Duration) -> Result<Grant> {
        self.answer(self.store.acquire(name, owner, ttl, patience)).await
    }

    async fn renew(&self, name: &Key, owner: Owner, ttl: Duration) -> Result<bool> {
        self.answer(self.store.renew(name, owner, ttl)).await
    }

    async fn release(&self, name: &Key, owner: Owner) -> Result<bool> {
        self.answer(self.store.release(name, owner)).await
    }
}

fn name() -> Key {
    Key::new("name").unwrap()
}

/// Returns whether somebody else would get the lock, within a second.
async fn is_free(store: &Moody) -> bool {
    let lock = Lock::new(store.store.clone());
    match timeout(WAIT, lock.acquire(&name(), TTL, Duration::from_secs(1))).await.unwrap() {
        Ok(guard) => guard.release().await.is_ok(),
        Err(err) => {
            assert_eq!(err.code(), Code::RedisLockBusy);
            false
        }
    }
}

#[tokio::test(start_paused = true)]
async fn lease_outlives_three_seconds_of_loading_and_of_silence() {
    for mood in [Mood::Loading, Mood::Hung] {
        let store = Moody::new(Mood::Well);
        let guard = Lock::new(store.clone()).acquire(&name(), TTL, Duration::ZERO).await.unwrap();
        // At every moment of the time between two renewals.
        for _ in 0..20 {
            sleep(Duration::from_millis(770)).await;
            store.become_(mood);
            sleep(Duration::from_secs(3)).await;
            store.become_(Mood::Well);
            // The next try comes within a quarter of a second, or when the silent one is given up.
            sleep(TTL / 4 + Duration::from_millis(400)).await;
            assert!(guard.is_held(), "{mood:?}");
        }
        assert!(!is_free(&store).await);
        guard.release().await.unwrap();
        assert!(is_free(&store).await);
    }
}

#[tokio::test(start_paused = true)]
async fn loss_is_signalled_before_the_lease_ends_when_the_store_is_gone() {
    for mood in [Mood::Loading, Mood::Hung, Mood::Refusing] {
        let store = Moody::new(Mood::Well);
        let guard = Lock::new(store.clone()).acquire(&name(), TTL, Duration::ZERO).await.unwrap();
        let start = Instant::now();
        store.become_(mood);

        timeout(WAIT, guard.lost()).await.unwrap();

        // All that can be relied on of the lease was used, and not a moment more.
        assert!(start.elapsed() > TTL * 9 / 10 && start.elapsed() < TTL, "{mood:?} {:?}", start.elapsed());
        assert!(!guard.is_held());
        assert_eq!(guard.check().unwrap_err().code(), Code::RedisLeaseLost);
        // It was tried again and again, and not in a hurry.
        let calls = store.calls.load(Ordering::Relaxed);
        assert!((3..120).contains(&calls), "{mood:?} {calls}");
    }
}

#[tokio::test(start_paused = true)]
async fn loss_at_the_store_is_signalled_within_a_third() {
    for _ in 0..20 {
        let store = Moody::new(Mood::Well);
        let guard = Lock::new(store.clone()).acquire(&name(), TTL, Duration::ZERO).await.unwrap();
        sleep(TTL * 3 / 2).await;

        // As a failover does: the store forgets, and another one comes.
        let forgotten = Instant::now();
        store.store.parts().locks.forget();
        assert!(is_free(&store).await);

        timeout(WAIT, guard.lost()).await.unwrap();
        assert!(forgotten.elapsed() <= TTL / 3, "{:?}", forgotten.elapsed());
    }
}

#[tokio::test(start_paused = true)]
async fn answer_that_nobody_heard_is_asked_for_again() {
    let store = Moody::new(Mood::Unheard);
    let heals = async {
        sleep(Duration::from_secs(2)).await;
        store.become_(Mood::Loading);
        sleep(Duration::from_secs(1)).await;
        store.become_(Mood::Well);
    };

    // What hangs is cut by the caller's own timeout, as `ServerStore` does it.
    let cut = Cut { store: store.clone(), after: Duration::from_secs(1) };
    let (lock, name) = (Lock::new(cut), name());
    let (guard, ()) = tokio::join!(lock.acquire(&name, TTL, WAIT), heals);

    // The lock was taken by the first try, and is ours.
    let guard = guard.unwrap();
    assert!(guard.is_held());
}

/// Gives up after a time.
#[derive(Clone)]
struct Cut {
    store: Moody,
    after: Duration,
}

impl Leases for Cut {
    async fn acquire(&self, name: &Key, owner: Owner, ttl: Duration, patience: Duration) -> Result<Grant> {
        let late = |_| Err(Error::from(Code::Timeout));
        timeout(self.after, self.store.acquire(name, owner, ttl, patience)).await.unwrap_or_else(late)
    }

    async fn renew(&self, name: &Key, owner: Owner, ttl: Duration) -> Result<bool> {
        self.store.renew(name, owner, ttl).await
    }

    async fn release(&self, name: &Key, owner: Owner) -> Result<bool> {
        self.store.release(name, owner).await
    }
}

#[tokio::test(start_paused = true)]
async fn dropped_request_gives_back_what_it_may_have_taken() {
    let store = Moody::new(Mood::Unheard);
    let lock = Lock::new(store.clone());

    assert!(timeout(Duration::from_secs(1), lock.acquire(&name(), TTL * 100, WAIT)).await.is_err());
    store.become_(Mood::Well);

    assert!(is_free(&store).await);
}

#[tokio::test(start_paused = true)]
async fn dropped_guard_gives_the_lock_back_though_the_store_is_away_for_a_while() {
    let store = Moody::new(Mood::Well);
    let guard = Lock::new(store.clone()).acquire(&name(), TTL, Duration::ZERO).await.unwrap();
    store.become_(Mood::Loading);

    drop(guard);
    sleep(Duration::from_secs(1)).await;
    store.become_(Mood::Well);

    assert!(is_free(&store).await);
}

#[tokio::test(start_paused = true)]
async fn release_that_fails_says_so_at_once_and_goes_on() {
    let store = Moody::new(Mood::Well);
    let guard = Lock::new(store.clone()).acquire(&name(), TTL, Duration::ZERO).await.unwrap();
    store.become_(Mood::Loading);

    assert_eq!(guard.release().await.unwrap_err().code(), Code::RedisUnreachable);
    sleep(Duration::from_secs(1)).await;
    store.become_(Mood::Well);

    assert!(is_free(&store).await);
}

#[tokio::test(start_paused = true)]
async fn waiting_ends_at_its_deadline_whatever_the_store_does() {
    let wait = Duration::from_secs(2);
    for (mood, code) in [
        (Mood::Loading, Code::RedisUnreachable),
        (Mood::Hung, Code::Timeout),
        (Mood::Refusing, Code::RedisPasswordRefused),
    ] {
        let lock = Lock::new(Moody::new(mood));
        let start = Instant::now();

        let err = lock.acquire(&name(), TTL, wait).await.unwrap_err();

        assert_eq!(err.code(), code);
        assert!(start.elapsed() <= wait);
    }
}

#[tokio::test(start_paused = true)]
async fn busy_lock_is_named_though_the_last_try_was_cut() {
    let store = Moody::new(Mood::Well);
    let _held = Lock::new(store.store.clone()).acquire(&name(), TTL, Duration::ZERO).await.unwrap();
    let waiter = Lock::new(store.clone());
    let hangs = async {
        sleep(Duration::from_secs(1)).await;
        store.become_(Mood::Hung);
    };
    let name = name();

    let (result, ()) = tokio::join!(waiter.acquire(&name, TTL, Duration::from_secs(2)), hangs);

    assert_eq!(result.unwrap_err().code(), Code::RedisLockBusy);
}

#[tokio::test(start_paused = true)]
async fn waiters_all_get_their_turn() {
    let lock = Lock::new(MemoryStore::default());
    let until = Instant::now() + Duration::from_secs(60);
    let turns = (0..8).map(|_| {
        let lock = lock.clone();
        tokio::spawn(async move {
            let mut turns = 0;
            while Instant::now() < until {
                let guard = lock.acquire(&name(), TTL, WAIT).await.unwrap();
                sleep(Duration::from_millis(10)).await;
                guard.release().await.unwrap();
                turns += 1;
            }
            turns
        })
    });
    let mut all = Vec::new();
    for turns in turns.collect::<Vec<_>>() {
        all.push(turns.await.unwrap());
    }
    let (least, most) = (all.iter().min().unwrap(), all.iter().max().unwrap());
    assert!(least * 3 > *most, "{all:?}");
}

#[tokio::test(start_paused = true)]
async fn work_is_dropped_when_the_lock_is_lost() {
    let store = Moody::new(Mood::Well);
    let guard = Lock::new(store.clone()).acquire(&name(), TTL, Duration::ZERO).await.unwrap();

    assert_eq!(guard.run(async { 7 }).await.unwrap(), 7);
    store.become_(Mood::Hung);
    let lost = guard.run(pending::<()>()).await.unwrap_err();

    assert_eq!(lost.code(), Code::RedisLeaseLost);
}

#[tokio::test(start_paused = true)]
async fn future_of_the_loss_ends_with_the_guard() {
    let guard = Lock::new(MemoryStore::default()).acquire(&name(), TTL, Duration::ZERO).await.unwrap();
    let lost = guard.lost();

    guard.release().await.unwrap();

    timeout(Duration::from_millis(1), lost).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn lease_out_of_its_range_is_refused() {
    let lock = Lock::new(MemoryStore::default());
    let acquire = async |ttl| lock.acquire(&name(), ttl, Duration::ZERO).await.map(drop);

    for ttl in [MIN_LEASE - Duration::from_nanos(1), MAX_LEASE + Duration::from_nanos(1)] {
        assert_eq!(acquire(ttl).await.unwrap_err().code(), Code::Invalid);
    }
    acquire(MIN_LEASE).await.unwrap();
    sleep(MIN_LEASE).await;
    acquire(MAX_LEASE).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn tokens_in_memory_grow_though_the_clock_stands() {
    let store = MemoryStore::default();
    let mut last = None;
    for number in 0..100 {
        let name = Key::new(format!("{}", number % 3)).unwrap();
        let owner = Owner::random();
        let Grant::Granted(token) = store.acquire(&name, owner, TTL, Duration::ZERO).await.unwrap() else {
            panic!("it was released");
        };
        assert!(last < Some(token));
        last = Some(token);
        store.release(&name, owner).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn locks_in_memory_keep_their_limit_and_forget_what_is_over() {
    let store = crate::MemoryConfig { max_values: 100, ..crate::MemoryConfig::default() }.build();
    for number in 0..100 {
        let name = Key::new(format!("{number}")).unwrap();
        store.acquire(&name, Owner::random(), TTL, Duration::ZERO).await.unwrap();
    }

    let full = store.acquire(&name(), Owner::random(), TTL, Duration::ZERO).await.unwrap_err();
    advance(TTL).await;
    let next = store.acquire(&name(), Owner::random(), TTL, Duration::ZERO).await;

    assert_eq!(full.code(), Code::RedisStoreFull);
    assert!(next.is_ok());
}

#[tokio::test]
async fn server_writes_the_epoch_of_the_connection_into_the_script() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let commands = Arc::clone(&seen);
    let transport = service_fn(move |command: Command| {
        commands.lock().push(command);
        let grant = [1, 7, 1_700_000_000_000_000].map(Reply::Integer).to_vec();
        async move { Ok(Reply::List(grant)) }
    });
    let store = StoreConfig::default().build(transport).unwrap();

    let grant = store.acquire(&name(), Owner::random(), TTL, Duration::ZERO).await.unwrap();

    assert_eq!(grant, Grant::Granted(Token::new(7, 1_700_000_000_000_000)));
    let command = &seen.lock()[0];
    let epoch = command.epoch.unwrap();
    assert_eq!(command.arguments[epoch], "0");
    assert_eq!(command.arguments[3], "lock:name");
    assert_eq!((epoch, command.key), (4, Some(3)));
}

#[tokio::test(start_paused = true)]
async fn release_of_what_was_lost_does_not_wait_for_a_store_that_is_away() {
    let store = Moody::new(Mood::Well);
    let guard = Lock::new(store.clone()).acquire(&name(), TTL, WAIT).await.unwrap();
    store.become_(Mood::Hung);
    guard.lost().await;

    let released = timeout(Duration::from_secs(1), guard.release()).await.unwrap();

    assert_eq!(released.unwrap_err().code(), Code::RedisLeaseLost);
}

#[tokio::test]
async fn guard_of_an_efficiency_lock_does_not_show_its_mark() {
    let store = MemoryStore::default();
    let guard = EfficiencyLock::new(store.clone()).try_acquire(&name(), TTL).await.unwrap().unwrap();

    assert_eq!(format!("{guard:?}"), "EfficiencyGuard { .. }");
}

#[tokio::test(start_paused = true)]
async fn lock_that_nobody_came_for_makes_room_for_another() {
    let store = crate::MemoryConfig { max_values: 1, ..crate::MemoryConfig::default() }.build();
    let (first, other, patience) = (Owner::random(), Key::new("other").unwrap(), Duration::from_millis(100));
    let acquire = |name: Key, owner| {
        let store = store.clone();
        async move { store.acquire(&name, owner, TTL, patience).await.map_err(|err| err.code()) }
    };
    acquire(name(), first).await.unwrap();
    acquire(name(), Owner::random()).await.unwrap();
    assert_eq!(acquire(other.clone(), Owner::random()).await, Err(Code::RedisStoreFull));

    assert!(store.release(&name(), first).await.unwrap());
    assert_eq!(acquire(other.clone(), Owner::random()).await, Err(Code::RedisStoreFull));
    advance(patience).await;

    acquire(other, Owner::random()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn waiter_with_all_the_time_between_its_tries_ends_with_its_wait() {
    let lock = Lock::new(MemoryStore::default()).with_poll(Duration::MAX);
    let _held = lock.acquire(&name(), TTL, Duration::ZERO).await.unwrap();

    let err = lock.acquire(&name(), TTL, Duration::from_secs(1)).await.unwrap_err();

    assert_eq!(err.code(), Code::RedisLockBusy);
}
