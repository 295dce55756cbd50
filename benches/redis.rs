//! What an operation costs: in memory, in a file, and on a server if `MAILY_REDIS_SERVER` says where its binary is.

use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use futures_util::future::join_all;
use maily::redis::bus::{Bus, Channel, Subscription};
use maily::redis::cache::{Cache, CacheConfig};
use maily::redis::idempotency::{Fingerprint, Idempotency};
use maily::redis::jobs::{Jobs, NewJob, Queue, WorkerId};
use maily::redis::limit::{Limiter, MAX_COUNT, OnFailure, Quota};
use maily::redis::lock::Lock;
use maily::redis::{Key, Leases, Limits, MemoryStore, Store};
use maily_store_redb::{RedbConfig, RedbStore};
use maily_store_redis::RedisConfig;
use maily_store_redis::testing::Server;
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

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

/// What is answered without asking the store: raw, and loaded with its envelope; from one task, and from two at once.
fn near(c: &mut Criterion, runtime: &Runtime) {
    let hour = Duration::from_secs(3600);
    let keys: Vec<Key> =
        (0..1000).map(|number| Key::new(format!("near:{number}")).expect("a valid key")).collect();
    let store = MemoryStore::default();
    let cache = runtime.block_on(async {
        let cache = CacheConfig::default().build(&store).expect("valid settings");
        for key in &keys {
            cache.set(key, bytes::Bytes::from_static(&[7; 64]), hour).await.expect("the store works");
            cache.get(key).await.expect("the store works");
        }
        cache
    });
    let near = CacheConfig::default().near.build(&store).expect("valid settings");
    let mut group = c.benchmark_group("redis/near");
    group
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_millis(1500))
        .sample_size(20);
    let mut next = (0..keys.len()).cycle().map(|number| &keys[number]);
    group.bench_function("get", |b| {
        b.to_async(runtime).iter(|| near.get(next.next().expect("it has no end")));
    });
    group.bench_function("get_or_load", |b| {
        b.to_async(runtime)
            .iter(|| cache.get_or_load(next.next().expect("it has no end"), hour, || async { Ok(None) }));
    });
    // Time for one hit of each of two tasks: half of it is the time between two hits of the process.
    group.throughput(Throughput::Elements(2));
    group.bench_function("get_or_load_on_two_cores", |b| {
        b.iter_custom(|iterations| runtime.block_on(two_tasks(&cache, &keys, iterations)));
    });
    group.finish();
}

async fn two_tasks(cache: &Cache<MemoryStore>, keys: &[Key], hits: u64) -> Duration {
    let mut tasks = JoinSet::new();
    let start = Instant::now();
    for task in 0..2 {
        let (cache, keys) = (cache.clone(), keys.to_vec());
        tasks.spawn(async move {
            let mut number = task * keys.len() / 2;
            for _ in 0..hits {
                number = (number + 1) % keys.len();
                let hour = Duration::from_secs(3600);
                cache.get_or_load(&keys[number], hour, || async { Ok(None) }).await.expect("a hit");
            }
        });
    }
    tasks.join_all().await;
    start.elapsed()
}

/// What jobs cost from append to acknowledgement, one alone and 64 together, and a message to eight readers.
fn queues(c: &mut Criterion, runtime: &Runtime, name: &str, store: &(impl Bus + Jobs)) {
    let mut group = c.benchmark_group(format!("redis/{name}"));
    group
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_millis(1500))
        .sample_size(20);
    let queue = Queue::new("bench").expect("a valid name");
    let worker = WorkerId::new("bench").expect("a valid name");
    let job = NewJob::new(bytes::Bytes::from_static(&[7; 64]));
    let work = async |jobs: u64| {
        let appends = (0..jobs).map(|_| store.append(&queue, job.clone()));
        join_all(appends).await.into_iter().collect::<Result<Vec<_>, _>>()?;
        let claimed = store.claim(&queue, &worker, TASKS as usize, Duration::ZERO).await?;
        let receipts: Vec<_> = claimed.into_iter().map(|job| job.receipt).collect();
        store.ack(&queue, &receipts).await
    };
    group.bench_function("job", |b| b.to_async(runtime).iter(|| work(1)));

    let channel = Channel::new("bench").expect("a valid name");
    let subscriptions = (0..8).map(|_| store.subscribe(&channel, 1000));
    let subscribed = runtime.block_on(join_all(subscriptions));
    let mut readers: Vec<_> = subscribed.into_iter().map(|reader| reader.expect("the bus works")).collect();
    group.bench_function("message_to_8_readers", |b| {
        b.iter_custom(|messages| {
            runtime.block_on(async {
                let start = Instant::now();
                for _ in 0..messages {
                    store
                        .publish(&channel, bytes::Bytes::from_static(&[7; 64]))
                        .await
                        .expect("the bus works");
                    join_all(readers.iter_mut().map(Subscription::recv)).await;
                }
                start.elapsed()
            })
        });
    });

    group.throughput(Throughput::Elements(TASKS));
    group.bench_function("64_jobs", |b| b.to_async(runtime).iter(|| work(TASKS)));
    group.finish();
}

/// What is bound to the disk: jobs that many append at once, and opening a file with 100 000 of them.
fn disk(c: &mut Criterion, runtime: &Runtime, store: &RedbStore, config: &RedbConfig) {
    let mut group = c.benchmark_group("redis/disk");
    group.warm_up_time(Duration::from_millis(300)).measurement_time(Duration::from_secs(5)).sample_size(10);
    let queue = Queue::new("many").expect("a valid name");
    let job = NewJob::new(bytes::Bytes::from_static(&[7; 64]));
    group.throughput(Throughput::Elements(1000));
    group.bench_function("append_1000_at_once", |b| {
        b.to_async(runtime).iter(|| join_all((0..1000).map(|_| store.append(&queue, job.clone()))));
    });

    let (jobs, config) = (100_000, RedbConfig::new(config.path.with_extension("jobs")));
    runtime.block_on(async {
        let store = config.clone().store().await.expect("the file opens");
        join_all((0..jobs).map(|_| store.append(&queue, job.clone()))).await;
    });
    group.throughput(Throughput::Elements(jobs));
    group.bench_function("open_100_000_jobs", |b| b.to_async(runtime).iter(|| config.clone().store()));
    group.finish();
}

fn redis(c: &mut Criterion) {
    let runtime = Runtime::new().expect("a runtime");
    operations(c, &runtime, "memory", &MemoryStore::default());
    guards(c, &runtime, "memory", &MemoryStore::default());
    queues(c, &runtime, "memory", &MemoryStore::default());
    near(c, &runtime);
    let folder = tempfile::tempdir().expect("a folder");
    let config = RedbConfig::new(folder.path().join("redis.redb"));
    let store = runtime.block_on(config.clone().store()).expect("the file opens");
    operations(c, &runtime, "disk", &store);
    guards(c, &runtime, "disk", &store);
    queues(c, &runtime, "disk", &store);
    disk(c, &runtime, &store, &config);
    if let Some(server) = Server::start() {
        let mut config = RedisConfig::new(server.url());
        config.timeout_ms = 10_000;
        let store = config.build().expect("valid settings");
        operations(c, &runtime, "server", &store);
        guards(c, &runtime, "server", &store);
        queues(c, &runtime, "server", &store);
    }
}

criterion_group!(benches, redis);
criterion_main!(benches);
