//! A redis store that is opened again is the one that was closed: the same answers as from a store that was not.

#![expect(clippy::panic, clippy::unwrap_used, reason = "a test")]

use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use maily_errors::Code;
use maily_redis::jobs::{DeadLetters, Failure, Jobs, NewJob, Queue, QueueConfig, Receipt, WorkerId};
use maily_redis::limit::Quota;
use maily_redis::lock::{Grant, Owner, Token};
use maily_redis::{Key, Leases, Limits, MemoryStore, Store, Swap};
use maily_store_redb::{RedbConfig, RedbStore};
use proptest::prelude::*;
use tokio::time::{Instant, advance};

const NOW: Duration = Duration::ZERO;
const IDLE: Duration = Duration::from_millis(400);
const HOUR: Duration = Duration::from_secs(3600);

/// What callers do, and what happens to them.
#[derive(Clone, Debug)]
enum Step {
    Acquire { name: u8, owner: usize, ttl_ms: u64 },
    Ack { which: usize },
    Advance { ms: u64 },
    Append { key: Option<u8>, delay_ms: u64 },
    Claim { worker: usize, max: usize },
    Compare { key: u8, expected: Option<u8>, value: Option<u8> },
    Dead { which: usize, requeue: bool },
    Extend { which: usize },
    Fail { which: usize, failure: Failure },
    Increment { key: u8 },
    Release { name: u8, owner: usize },
    Renew { name: u8, owner: usize, ttl_ms: u64 },
    Reopen,
    Set { key: u8, value: u8 },
    Take { name: u8, cost: u32 },
}

fn step() -> impl Strategy<Value = Step> {
    let which = 0_usize..50;
    let failure = prop_oneof![
        Just(Failure::HandBack),
        Just(Failure::Dead { code: Code::Invalid, message: "it is wrong" }),
        (0_u64..600).prop_map(|ms| Failure::Retry {
            after: Duration::from_millis(ms),
            code: Code::Timeout,
            message: "it was slow"
        }),
    ];
    let (name, owner, ttl_ms) = (0_u8..2, 0_usize..3, 50_u64..2000);
    let (key, value) = (0_u8..3, 0_u8..3);
    prop_oneof![
        2 => (name.clone(), owner.clone(), ttl_ms.clone())
            .prop_map(|(name, owner, ttl_ms)| Step::Acquire { name, owner, ttl_ms }),
        1 => (name.clone(), owner.clone(), ttl_ms)
            .prop_map(|(name, owner, ttl_ms)| Step::Renew { name, owner, ttl_ms }),
        1 => (name.clone(), owner).prop_map(|(name, owner)| Step::Release { name, owner }),
        4 => (prop::option::of(0_u8..4), prop_oneof![3 => Just(0), 1 => 1_u64..1500])
            .prop_map(|(key, delay_ms)| Step::Append { key, delay_ms }),
        4 => (0_usize..2, 1_usize..4).prop_map(|(worker, max)| Step::Claim { worker, max }),
        2 => which.clone().prop_map(|which| Step::Ack { which }),
        1 => which.clone().prop_map(|which| Step::Extend { which }),
        2 => (which.clone(), failure).prop_map(|(which, failure)| Step::Fail { which, failure }),
        1 => (which, any::<bool>()).prop_map(|(which, requeue)| Step::Dead { which, requeue }),
        3 => (1_u64..900).prop_map(|ms| Step::Advance { ms }),
        3 => Just(Step::Reopen),
        1 => key.clone().prop_map(|key| Step::Increment { key: key + 10 }),
        1 => (key.clone(), value.clone()).prop_map(|(key, value)| Step::Set { key, value }),
        1 => (key, prop::option::of(value.clone()), prop::option::of(value))
            .prop_map(|(key, expected, value)| Step::Compare { key, expected, value }),
        2 => (name, 1_u32..4).prop_map(|(name, cost)| Step::Take { name, cost }),
    ]
}

fn queue() -> Queue {
    let mut config = QueueConfig::default();
    (config.idle_ms, config.max_deliveries, config.window_ms) = (400, 1000, 1000);
    config.build().unwrap()
}

fn key(number: u8) -> Key {
    Key::new(vec![number]).unwrap()
}

fn bytes(number: u8) -> Bytes {
    vec![number].into()
}

async fn open(path: &Path) -> RedbStore {
    RedbConfig::new(path).store().await.expect("the file opens")
}

/// One store, and the numbers that it gave where the other one gives others.
struct Side<S> {
    store: S,
    queue: Queue,
    workers: [WorkerId; 2],
    owners: [Owner; 3],
    held: Vec<(usize, Receipt)>,
    /// In which order jobs were named.
    names: HashMap<String, usize>,
    appended: u64,
    token: Option<Token>,
    /// How much each limit allowed.
    taken: [u32; 2],
}

impl<S: Store + Leases + Limits + Jobs + DeadLetters> Side<S> {
    fn new(store: S) -> Self {
        Self {
            store,
            queue: queue(),
            workers: [(); 2].map(|()| WorkerId::new("worker").unwrap()),
            owners: [(); 3].map(|()| Owner::random()),
            held: Vec::new(),
            names: HashMap::new(),
            appended: 0,
            token: None,
            taken: [0; 2],
        }
    }

    /// Does it and writes what was answered, in words that are the same for equal stores.
    async fn step(&mut self, step: &Step) -> String {
        let Self { store, queue, workers, owners, .. } = self;
        let held = |which: usize| self.held.get(which % self.held.len().max(1)).cloned();
        match *step {
            Step::Reopen | Step::Advance { .. } => String::new(),
            Step::Append { key, delay_ms } => {
                self.appended += 1;
                let job = NewJob::new(self.appended.to_string()).with_delay(Duration::from_millis(delay_ms));
                let job = key.map_or(job.clone(), |key| job.with_key(bytes(key)));
                let id = store.append(queue, job).await.unwrap().to_string();
                let next = self.names.len();
                format!("{}", self.names.entry(id).or_insert(next))
            }
            Step::Claim { worker, max } => {
                let jobs = store.claim(queue, &workers[worker], max, NOW).await.unwrap();
                let said = jobs.iter().map(|job| {
                    (self.names[job.id.as_str()], job.payload.clone(), job.deliveries, job.age.as_millis())
                });
                let said = format!("{:?}", said.collect::<Vec<_>>());
                self.held.extend(jobs.into_iter().map(|job| (worker, job.receipt)));
                said
            }
            Step::Ack { which } => {
                let receipts = Vec::from_iter(held(which).map(|(_, receipt)| receipt));
                format!("{}", store.ack(queue, &receipts).await.unwrap())
            }
            Step::Extend { which } => match held(which) {
                Some((worker, receipt)) => {
                    let lost = store.extend(queue, &workers[worker], &[receipt]).await.unwrap();
                    format!("{}", lost.len())
                }
                None => String::new(),
            },
            Step::Fail { which, failure } => match held(which) {
                Some((worker, receipt)) => {
                    format!("{:?}", store.fail(queue, &workers[worker], &receipt, failure).await.unwrap())
                }
                None => String::new(),
            },
            Step::Dead { which, requeue } => {
                let dead = store.dead(queue, None, 100).await.unwrap();
                let receipt = dead.get(which % dead.len().max(1)).map(|letter| letter.receipt.clone());
                let receipts = Vec::from_iter(receipt);
                let found = match requeue {
                    true => store.requeue(queue, &receipts).await.unwrap(),
                    false => store.discard(queue, &receipts).await.unwrap(),
                };
                let dead = dead.iter().map(|letter| (&letter.payload, &letter.code, &letter.message));
                format!("{found} {:?}", dead.collect::<Vec<_>>())
            }
            Step::Acquire { name, owner, ttl_ms } => {
                let ttl = Duration::from_millis(ttl_ms);
                match store.acquire(&key(name), owners[owner], ttl, NOW).await.unwrap() {
                    Grant::Granted(token) => {
                        let newer = self.token.is_none_or(|last| token > last);
                        self.token = self.token.max(Some(token));
                        format!("granted, newer: {newer}")
                    }
                    // Numbers may have run ahead of the clock by some µs.
                    Grant::Held { remaining, .. } => {
                        format!("held for {}", remaining.as_micros().div_ceil(1000))
                    }
                    grant => panic!("{grant:?}"),
                }
            }
            Step::Renew { name, owner, ttl_ms } => {
                let ttl = Duration::from_millis(ttl_ms);
                format!("{}", store.renew(&key(name), owners[owner], ttl).await.unwrap())
            }
            Step::Release { name, owner } => {
                format!("{}", store.release(&key(name), owners[owner]).await.unwrap())
            }
            Step::Increment { key: number } => {
                format!("{}", store.increment(&key(number), 1, None).await.unwrap())
            }
            Step::Set { key: number, value } => {
                store.set(&key(number), bytes(value), None).await.unwrap();
                String::new()
            }
            Step::Compare { key: number, expected, value } => {
                let swap = Swap { expected: expected.map(bytes), value: value.map(bytes), ttl: None };
                format!("{}", store.compare_and_set(&key(number), swap).await.unwrap())
            }
            Step::Take { name, cost } => {
                let quota = Quota::new(4, Duration::from_secs(1)).with_burst(8);
                let allowed = store.take(&key(name), quota, cost).await.unwrap().allowed;
                self.taken[usize::from(name)] += if allowed { cost } else { 0 };
                // Not in words: after a restart it may allow less.
                String::new()
            }
        }
    }

    /// Writes what is there.
    async fn seen(&self) -> String {
        let stats = self.store.stats(&self.queue).await.unwrap();
        let mut values = Vec::new();
        for number in (0..3).chain(10..13) {
            values.push(self.store.get(&key(number)).await.unwrap());
        }
        let counts = (stats.waiting, stats.pending, stats.delayed, stats.dead);
        format!("{counts:?} {:?} {values:?}", stats.oldest.as_millis())
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(12) })]

    #[test]
    fn store_that_is_opened_again_answers_as_one_that_was_not(steps in prop::collection::vec(step(), 20..60)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("redis.redb");
            let (mut file, mut memory) = (Side::new(open(&path).await), Side::new(MemoryStore::default()));
            let (owner, start) = (Owner::random(), Instant::now());
            // Ahead of the clock of the system for the whole test, so that only this clock counts.
            advance(HOUR).await;
            for step in &steps {
                match step {
                    Step::Advance { ms } => advance(Duration::from_millis(*ms)).await,
                    Step::Reopen => {
                        // Its row says the time, as the clock of the system does elsewhere.
                        file.store.acquire(&key(99), owner, IDLE, NOW).await.unwrap();
                        let Side { store, .. } = file;
                        drop(store);
                        file = Side { store: open(&path).await, ..file };
                    }
                    _ => {}
                }
                let (answer, expected) = (file.step(step).await, memory.step(step).await);
                prop_assert_eq!(answer, expected, "{:?} of {:?}", step, steps);
                prop_assert_eq!(file.seen().await, memory.seen().await, "after {:?} of {:?}", step, steps);
                // No two steps at one time: a restart moves the clock on by some µs, which would decide who is older.
                advance(Duration::from_millis(1)).await;
                let most = 8.0 + 4.0 * (start.elapsed() - HOUR).as_secs_f64();
                prop_assert!(file.taken.iter().all(|taken| f64::from(*taken) <= most), "{:?}", file.taken);
            }
            Ok(())
        })?;
    }
}
