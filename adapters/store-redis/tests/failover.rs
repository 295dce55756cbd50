//! No write of a holder counts after another one took the lock, though each failover forgets who held it.
//!
//! One round: the replicas are cut off, a first client takes the lock, the master is killed, a replica that never heard
//! of the lock is promoted, and a second client takes it, while the first one writes as fast as it can and never looks
//! whether it holds anything. `MAILY_SOAK=1` runs fifty rounds.
#![cfg(feature = "conformance")]
#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "tests that say what they measured")]

use std::env;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use maily_errors::Code;
use maily_redis::lock::{FencedStore, Guard, Lock, Token};
use maily_redis::{Key, MemoryStore, ServerStore};
use maily_store_redis::testing::{Cluster, Product, Sentinels};
use maily_store_redis::{RedisConfig, RedisTransport};
use tokio::runtime::Handle;
use tokio::task::{block_in_place, yield_now};

/// Longer than a round: no lease ends by itself.
const TTL: Duration = Duration::from_secs(60);

/// How long a lock may be waited for, a failover on a loaded machine included.
const PATIENCE: Duration = Duration::from_secs(30);

fn lock(url: String) -> Lock<ServerStore<RedisTransport>> {
    Lock::new(RedisConfig::new(url).build().expect("valid settings"))
}

fn name() -> Key {
    Key::new("job").unwrap()
}

fn rounds() -> u32 {
    if env::var_os("MAILY_SOAK").is_some() { 50 } else { 2 }
}

/// A resource outside of the servers that fail, and what became of the writes.
struct Resource {
    values: FencedStore<MemoryStore>,
    key: Key,
}

impl Resource {
    fn new() -> Self {
        Self { values: FencedStore::new(MemoryStore::default()), key: Key::new("resource").unwrap() }
    }

    /// Writes; returns whether the write was accepted.
    async fn write(&self, token: Token) -> bool {
        match self.values.set(&self.key, token, token.to_string().into()).await {
            Ok(()) => true,
            Err(err) => {
                assert_eq!(err.code(), Code::RedisTokenStale);
                false
            }
        }
    }
}

/// Writes without a pause until it is told to stop.
#[derive(Default)]
struct Stubborn {
    /// Set once the next holder has written: from then on every accepted write is a fault.
    over: AtomicBool,
    stop: AtomicBool,
    accepted: AtomicU64,
    accepted_late: AtomicU64,
    refused: AtomicU64,
}

impl Stubborn {
    async fn write(self: Arc<Self>, resource: Arc<Resource>, token: Token) {
        while !self.stop.load(Ordering::SeqCst) {
            let over = self.over.load(Ordering::SeqCst);
            let count = match (resource.write(token).await, over) {
                (true, false) => &self.accepted,
                (true, true) => &self.accepted_late,
                (false, _) => &self.refused,
            };
            count.fetch_add(1, Ordering::SeqCst);
            yield_now().await;
        }
    }
}

/// Runs rounds on servers of which `fail_over` makes another one the master, after it did what it was given.
async fn no_stale_write_is_accepted(
    what: &str,
    url: String,
    fail_over: impl Fn(&mut dyn FnMut()),
    heal: impl Fn(),
) {
    let resource = Arc::new(Resource::new());
    let mut late = 0;
    let mut last = None;
    for round in 1..=rounds() {
        let start = Instant::now();
        let (first, second) = (lock(url.clone()), lock(url.clone()));
        let mut held: Option<Guard> = None;
        let stubborn = Arc::new(Stubborn::default());
        let mut writer = None;
        block_in_place(|| {
            fail_over(&mut || {
                let guard = Handle::current().block_on(first.acquire(&name(), TTL, PATIENCE)).unwrap();
                let write = Arc::clone(&stubborn).write(Arc::clone(&resource), guard.token());
                writer = Some(tokio::spawn(write));
                held = Some(guard);
            });
        });
        let held = held.unwrap();
        let promoted = start.elapsed();
        let next = second.acquire(&name(), TTL, PATIENCE).await.unwrap();

        assert!(next.token() > held.token(), "round {round}: {} is not over {}", next.token(), held.token());
        assert!(last.is_none_or(|last| held.token() > last), "round {round}");
        assert!(resource.write(next.token()).await, "the next holder was refused");
        stubborn.over.store(true, Ordering::SeqCst);
        while stubborn.refused.load(Ordering::SeqCst) < 100
            && stubborn.accepted_late.load(Ordering::SeqCst) == 0
        {
            yield_now().await;
        }
        stubborn.stop.store(true, Ordering::SeqCst);
        writer.unwrap().await.unwrap();

        late += stubborn.accepted_late.load(Ordering::SeqCst);
        assert!(!resource.write(held.token()).await);
        println!(
            "{what}, round {round}: {} then {}; promoted after {promoted:?}, next holder after {:?}; the first wrote {} times before and 0 after, {} refused",
            held.token(),
            next.token(),
            start.elapsed(),
            stubborn.accepted.load(Ordering::SeqCst),
            stubborn.refused.load(Ordering::SeqCst),
        );
        last = Some(next.token());
        next.release().await.unwrap();
        drop(held);
        block_in_place(&heal);
    }
    println!(
        "{what}: {} times a second holder while the first lease lasted, {late} stale writes accepted",
        rounds()
    );
    assert_eq!(late, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sentinel_forgets_locks_and_no_stale_write_is_accepted() {
    let start = || Sentinels::start_on(Product::Redis7, Duration::from_secs(1));
    let Some(sentinels) = block_in_place(start) else { return };
    let fail_over = |lost: &mut dyn FnMut()| {
        let _promoted = sentinels.fail_over_and_lose(lost);
    };
    no_stale_write_is_accepted("sentinel", sentinels.url(), fail_over, || sentinels.heal()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cluster_forgets_locks_and_no_stale_write_is_accepted() {
    let start = || Cluster::start_on(Product::Redis7, Duration::from_secs(1));
    let Some(cluster) = block_in_place(start) else { return };
    let slot = cluster.slot("lock:job");
    let fail_over = |lost: &mut dyn FnMut()| {
        let _promoted = cluster.fail_over_and_lose(slot, lost);
    };
    no_stale_write_is_accepted("cluster", cluster.url(), fail_over, || cluster.heal()).await;
}
