//! The rules of [`Leases`], and of [`Lock`] over it.

#![expect(
    clippy::panic,
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "these are tests: a broken rule panics"
)]

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use maily_errors::{Code, Result};
use parking_lot::Mutex;
use tokio::time::{Instant, sleep, timeout};

use crate::lock::{Fence, Grant, Lock, Owner, Token};
use crate::model::Key;
use crate::port::Leases;

const SHORT: Duration = Duration::from_millis(60);
const LONG: Duration = Duration::from_secs(600);

/// What a machine with much else to do may need.
const SLACK: Duration = Duration::from_secs(10);

fn name(name: &'static str) -> Key {
    Key::new(name).unwrap()
}

fn granted(grant: Grant) -> Token {
    match grant {
        Grant::Granted(token) => token,
        Grant::Held { .. } => panic!("the lock is held"),
    }
}

/// Takes a lock as soon as it is free, at most ten seconds from now.
async fn wait_for(store: &impl Leases, name: &Key, owner: Owner) -> Token {
    let start = Instant::now();
    loop {
        if let Grant::Granted(token) = store.acquire(name, owner, LONG, Duration::ZERO).await.unwrap() {
            return token;
        }
        assert!(start.elapsed() < SLACK, "the lease does not end");
        sleep(Duration::from_millis(2)).await;
    }
}

/// Rule: of many who ask at once, one gets the lock.
pub async fn lock_is_granted_to_one_owner(store: &impl Leases) {
    let name = name("one");

    let grants = join_all((0..50).map(|_| store.acquire(&name, Owner::random(), LONG, Duration::ZERO))).await;

    let granted = grants.into_iter().filter(|grant| matches!(grant, Ok(Grant::Granted(_)))).count();
    assert_eq!(granted, 1);
}

/// Rule: every grant has a greater token, after a release and after the end of a lease.
pub async fn lock_tokens_grow_with_each_grant(store: &impl Leases) {
    let name = name("tokens");
    let fence = Fence::default();
    for _ in 0..20 {
        let owner = Owner::random();
        let token = granted(store.acquire(&name, owner, LONG, Duration::ZERO).await.unwrap());
        assert!(Some(token) > fence.highest());
        fence.admit(token).unwrap();
        assert!(store.release(&name, owner).await.unwrap());
    }
    let short = granted(store.acquire(&name, Owner::random(), SHORT, Duration::ZERO).await.unwrap());
    assert!(Some(short) > fence.highest());

    let next = wait_for(store, &name, Owner::random()).await;

    assert!(next > short);
}

/// Rule: a lease ends when its time to live is over, and not before.
pub async fn lock_ends_with_its_lease(store: &impl Leases) {
    let name = name("ends");
    let owner = Owner::random();
    let ttl = Duration::from_millis(300);
    let start = Instant::now();
    granted(store.acquire(&name, owner, ttl, Duration::ZERO).await.unwrap());

    wait_for(store, &name, Owner::random()).await;

    // The clock of the server may be a little ahead of ours.
    assert!(start.elapsed() > ttl - Duration::from_millis(20), "{:?}", start.elapsed());
    assert!(!store.renew(&name, owner, LONG).await.unwrap());
    assert!(!store.release(&name, owner).await.unwrap());
}

/// Rule: who holds a lock asks again with the same token, and is told the time that is left if another asks.
pub async fn lock_asked_for_again_keeps_its_token(store: &impl Leases) {
    let name = name("again");
    let owner = Owner::random();

    let first = store.acquire(&name, owner, SLACK, Duration::ZERO).await.unwrap();
    let again = store.acquire(&name, owner, LONG, Duration::ZERO).await.unwrap();
    let other = store.acquire(&name, Owner::random(), LONG, Duration::ZERO).await.unwrap();

    assert_eq!(first, again);
    assert!(
        matches!(other, Grant::Held { remaining, next: false } if remaining > SLACK && remaining <= LONG),
        "{other:?}"
    );
}

/// Rule: a lock that is held is promised to the first who waits, for as long as that one keeps asking.
pub async fn lock_is_promised_to_one_waiter(store: &impl Leases) {
    let name = name("promise");
    let [holder, first, second] = [(); 3].map(|()| Owner::random());
    let is_next = |grant| matches!(grant, Grant::Held { next: true, .. });
    let ask = async |owner, patience| store.acquire(&name, owner, LONG, patience).await.unwrap();
    granted(ask(holder, Duration::ZERO).await);

    assert!(!is_next(ask(second, Duration::ZERO).await));
    assert!(is_next(ask(first, LONG).await));
    assert!(!is_next(ask(second, LONG).await));
    assert!(is_next(ask(first, LONG).await));
    assert!(store.release(&name, holder).await.unwrap());

    for late in [holder, second] {
        assert!(matches!(ask(late, LONG).await, Grant::Held { next: false, .. }));
    }
    granted(ask(first, LONG).await);
    assert!(is_next(ask(second, SHORT).await));
    assert!(store.release(&name, first).await.unwrap());

    // The second one does not come back.
    wait_for(store, &name, holder).await;
}

/// Rule: only the owner renews and releases; a release happens once.
pub async fn lock_obeys_only_its_owner(store: &impl Leases) {
    let name = name("owner");
    let (owner, other) = (Owner::random(), Owner::random());
    granted(store.acquire(&name, owner, SHORT, Duration::ZERO).await.unwrap());

    assert!(!store.renew(&name, other, LONG).await.unwrap());
    assert!(!store.release(&name, other).await.unwrap());
    // Slow machine: the lease may be over already.
    if store.renew(&name, owner, LONG).await.unwrap() {
        sleep(SHORT).await;
        assert!(matches!(
            store.acquire(&name, other, LONG, Duration::ZERO).await.unwrap(),
            Grant::Held { .. }
        ));
        assert!(store.release(&name, owner).await.unwrap());
        assert!(!store.release(&name, owner).await.unwrap());
    }
    wait_for(store, &name, other).await;
}

/// Rule: names are bytes of any kind, braces of a cluster too, and locks do not touch each other.
pub async fn lock_names_are_any_bytes(store: &impl Leases) {
    let names: [&[u8]; 6] = [b"{a}", b"{a}b", b"{}", b"}{", b"a:{b}:{c}", &[0, 255, b'{', 10]];
    for name in names {
        let (name, owner) = (Key::new(name).unwrap(), Owner::random());
        granted(store.acquire(&name, owner, LONG, Duration::ZERO).await.unwrap());
        assert!(store.renew(&name, owner, LONG).await.unwrap());
    }
    for name in names {
        let name = Key::new(name).unwrap();
        let held = store.acquire(&name, Owner::random(), LONG, Duration::ZERO).await.unwrap();
        assert!(matches!(held, Grant::Held { .. }));
    }
}

/// Rule: a guard keeps its lock for longer than one time to live, and gives it back when it is released or dropped.
pub async fn lock_is_kept_while_its_guard_lives(store: &(impl Leases + 'static)) {
    let (lock, name) = (Lock::new(store.clone()), name("kept"));
    // Slow machine: a renewal may get no time for a whole lease; then with a longer one.
    for seconds in [1, 4, 16] {
        let ttl = Duration::from_secs(seconds);
        let guard = lock.acquire(&name, ttl, SLACK).await.unwrap();
        sleep(ttl * 2).await;
        let busy = lock.acquire(&name, ttl, Duration::ZERO).await;
        if guard.is_held() {
            assert_eq!(busy.unwrap_err().code(), Code::RedisLockBusy);
            let first = guard.token();
            guard.release().await.unwrap();

            let second = lock.acquire(&name, LONG, SLACK).await.unwrap();
            assert!(second.token() > first);
            drop(second);
            lock.acquire(&name, LONG, SLACK).await.unwrap().release().await.unwrap();
            return;
        }
    }
    panic!("the lease is not renewed");
}

/// Rule: a waiter gets the lock when it is free, and else ends at its deadline.
pub async fn lock_waiters_end_in_time(store: &(impl Leases + 'static)) {
    let (lock, name) = (Lock::new(store.clone()), name("waits"));
    let guard = lock.acquire(&name, LONG, Duration::ZERO).await.unwrap();
    let wait = Duration::from_millis(200);

    let start = Instant::now();
    let busy = lock.acquire(&name, LONG, wait).await.unwrap_err();
    assert_eq!(busy.code(), Code::RedisLockBusy);
    assert!(start.elapsed() < wait + SLACK);

    let waiters = (0..5).map(|_| async {
        let guard = lock.acquire(&name, LONG, LONG).await.unwrap();
        let token = guard.token();
        guard.release().await.unwrap();
        token
    });
    let (released, tokens) = tokio::join!(guard.release(), join_all(waiters));
    released.unwrap();
    let mut sorted = tokens;
    sorted.sort_unstable();
    sorted.dedup();
    assert_eq!(sorted.len(), 5);
}

/// Rule: a holder whose lock the server lost hears so within a third of the time to live.
pub async fn lock_loss_is_signalled_in_a_third(store: &(impl Leases + 'static)) {
    let spy = Spy { store: store.clone(), owner: Arc::default() };
    let mut heard = Vec::new();
    // Slow machine: what is heard late may be heard in time with a longer lease.
    for (name, seconds) in [("lost-1", 3), ("lost-2", 12)] {
        let (name, ttl) = (self::name(name), Duration::from_secs(seconds));
        let guard = Lock::new(spy.clone()).acquire(&name, ttl, Duration::ZERO).await.unwrap();
        let owner = spy.owner.lock().unwrap();

        let start = Instant::now();
        assert!(store.release(&name, owner).await.unwrap());
        let next = granted(store.acquire(&name, Owner::random(), LONG, Duration::ZERO).await.unwrap());
        timeout(ttl + SLACK, guard.lost()).await.unwrap();

        heard.push((start.elapsed(), ttl));
        assert!(!guard.is_held());
        assert!(guard.token() < next);
        assert_eq!(guard.check().unwrap_err().code(), Code::RedisLeaseLost);
        assert_eq!(guard.release().await.unwrap_err().code(), Code::RedisLeaseLost);
        if heard.iter().any(|(after, ttl)| *after <= *ttl / 3) {
            return;
        }
    }
    panic!("heard after {heard:?}");
}

/// Remembers who asked last.
#[derive(Clone)]
struct Spy<S> {
    store: S,
    owner: Arc<Mutex<Option<Owner>>>,
}

impl<S: Leases> Leases for Spy<S> {
    async fn acquire(&self, name: &Key, owner: Owner, ttl: Duration, patience: Duration) -> Result<Grant> {
        *self.owner.lock() = Some(owner);
        self.store.acquire(name, owner, ttl, patience).await
    }

    async fn renew(&self, name: &Key, owner: Owner, ttl: Duration) -> Result<bool> {
        self.store.renew(name, owner, ttl).await
    }

    async fn release(&self, name: &Key, owner: Owner) -> Result<bool> {
        self.store.release(name, owner).await
    }
}
