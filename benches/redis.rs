//! What an operation costs: in memory, and on a server if `MAILY_REDIS_SERVER` says where its binary is.

use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use futures_util::future::join_all;
use maily::redis::idempotency::{Fingerprint, Idempotency};
use maily::redis::limit::{Limiter, MAX_COUNT, OnFailure, Quota};
use maily::redis::lock::Lock;
use maily::redis::{Key, Leases, Limits, MemoryStore, Store};
use maily_store_redis::RedisConfig;
use maily_store_redis::testing::Server;
use tokio::runtime::Runtime;

const TASKS: u64 = 64;

fn operations(c: &mut Criterion, runtime: &Runtime, name: &str, store: &impl Store) {
    let mut group = c.benchmark_group(format!("redis/{name}"));
    group
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_millis(1500))
        .sample_size(20);
    let key = Key::new("bench").expect("a valid key");
    let value = bytes::Bytes::from_static(&[7; 64]);
    runtime.block_on(store.set(&key, value.clone(), None)).expect("the store works");

    group.bench_function("get", |b| b.to_async(runtime).iter(|| store.get(&key)));
    group.bench_function("set", |b| b.to_async(runtime).iter(|| store.set(&key, value.clone(), None)));
    let counter = Key::new("counter").expect("a valid key");
    group.bench_function("increment", |b| b.to_async(runtime).iter(|| store.increment(&counter, 1, None)));
    group.throughput(Throughput::Elements(TASKS));
    group.bench_function("get_64_at_once", |b| {
        b.to_async(runtime).iter(|| join_all((0..TASKS).map(|_| store.get(&key))));
    });
    group.finish();
}

/// What a decision of a limiter, a lock and a key of idempotency cost.
fn guards(
    c: &mut Criterion,
    runtime: &Runtime,
    name: &str,
    store: &(impl Leases + Limits + Store + 'static),
) {
    let mut group = c.benchmark_group(format!("redis/{name}"));
    group
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_millis(1500))
        .sample_size(20);
    let key = Key::new("guarded").expect("a valid key");
    let quota = Quota::new(MAX_COUNT, Duration::from_secs(1));
    let limiter = Limiter::new(store.clone(), quota, OnFailure::Refuse).expect("a valid quota");
    group.bench_function("limit", |b| b.to_async(runtime).iter(|| limiter.take(&key, 1)));

    let lock = Lock::new(store.clone());
    group.bench_function("lock_and_release", |b| {
        b.to_async(runtime).iter(async || {
            let guard = lock.acquire(&key, Duration::from_secs(60), Duration::ZERO).await?;
            guard.release().await
        });
    });

    let idempotency = Idempotency::new(store.clone());
    let request = Fingerprint::of(&[b"bench"]);
    let answer = async || Ok(bytes::Bytes::from_static(b"answer"));
    group.bench_function("idempotency_replay", |b| {
        b.to_async(runtime).iter(|| idempotency.run(&key, request, answer));
    });
    group.finish();
}

fn redis(c: &mut Criterion) {
    let runtime = Runtime::new().expect("a runtime");
    operations(c, &runtime, "memory", &MemoryStore::default());
    guards(c, &runtime, "memory", &MemoryStore::default());
    if let Some(server) = Server::start() {
        let mut config = RedisConfig::new(server.url());
        config.timeout_ms = 10_000;
        let store = config.build().expect("valid settings");
        operations(c, &runtime, "server", &store);
        guards(c, &runtime, "server", &store);
    }
}

criterion_group!(benches, redis);
criterion_main!(benches);
