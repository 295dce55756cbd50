//! What an operation costs: in memory, and on a server if `MAILY_REDIS_SERVER` says where its binary is.

use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use futures_util::future::join_all;
use maily::redis::{Key, MemoryStore, Store};
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

fn redis(c: &mut Criterion) {
    let runtime = Runtime::new().expect("a runtime");
    operations(c, &runtime, "memory", &MemoryStore::default());
    if let Some(server) = Server::start() {
        let mut config = RedisConfig::new(server.url());
        config.timeout_ms = 10_000;
        operations(c, &runtime, "server", &config.build().expect("valid settings"));
    }
}

criterion_group!(benches, redis);
criterion_main!(benches);
