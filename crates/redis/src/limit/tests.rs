use std::sync::Arc;
use std::time::Duration;

use maily_errors::{Code, Error, Result};
use parking_lot::Mutex;
use proptest::prelude::*;
use tokio::time::{Instant, advance};
use tower::service_fn;

use super::*;
use crate::{Command, Key, Limits, MemoryConfig, MemoryStore, Reply, StoreConfig};

fn name() -> Key {
    Key::new("name").unwrap()
}

/// A store that answers as it was told, or not at all.
#[derive(Clone, Debug)]
struct Broken(Option<Code>);

impl Limits for Broken {
    async fn take(&self, _: &Key, _: Quota, _: u32) -> Result<Verdict> {
        match self.0 {
            Some(code) => Err(Error::from(code)),
            None => std::future::pending().await,
        }
    }
}

#[tokio::test(start_paused = true)]
async fn caller_chooses_what_a_failure_means_and_hears_it_within_the_deadline() {
    let deadline = Duration::from_millis(50);
    for failure in [Code::RedisUnreachable, Code::Timeout, Code::RedisReply, Code::RedisStoreFull] {
        let failure = (failure != Code::Timeout).then_some(failure);
        for (on_failure, allowed) in [(OnFailure::Allow, true), (OnFailure::Refuse, false)] {
            let limiter = Limiter::new(Broken(failure), Quota::per_second(1), on_failure).unwrap();
            let start = Instant::now();

            let decision = limiter.with_deadline(deadline).take(&name(), 1).await.unwrap();

            assert_eq!((decision.allowed, decision.degraded), (allowed, true), "{failure:?}");
            assert_eq!(decision.retry_after.is_zero(), allowed);
            assert!(start.elapsed() <= deadline);
        }
    }
}

#[tokio::test]
async fn mistake_of_the_caller_is_no_failure_of_the_store() {
    for code in [Code::Invalid, Code::RedisKeyTooLarge, Code::RedisWrongType] {
        let limiter = Limiter::new(Broken(Some(code)), Quota::per_second(1), OnFailure::Allow).unwrap();

        assert_eq!(limiter.take(&name(), 1).await.unwrap_err().code(), code);
    }
}

#[tokio::test(start_paused = true)]
async fn limits_in_memory_keep_their_number_and_forget_what_is_whole() {
    let store = MemoryConfig { max_values: 100, ..MemoryConfig::default() }.build();
    let quota = Quota::per_second(1);
    for number in 0..100 {
        store.take(&Key::new(format!("{number}")).unwrap(), quota, 1).await.unwrap();
    }

    let full = store.take(&name(), quota, 1).await.unwrap_err();
    // What takes nothing needs no place.
    assert!(store.take(&name(), quota, 0).await.unwrap().allowed);
    advance(Duration::from_secs(1)).await;
    let next = store.take(&name(), quota, 1).await;

    assert_eq!(full.code(), Code::RedisStoreFull);
    assert!(next.unwrap().allowed);
}

#[tokio::test]
async fn server_is_told_spans_that_no_division_rounded() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let commands = Arc::clone(&seen);
    let transport = service_fn(move |command: Command| {
        commands.lock().push(command);
        async move { Ok(Reply::List([1, 857_142, 6].map(Reply::Integer).to_vec())) }
    });
    let store = StoreConfig::default().build(transport).unwrap();
    // 7 in 3 s: one takes 428 571 3/7 µs.
    let quota = Quota::new(7, Duration::from_secs(3)).with_burst(4);

    let decision = Limiter::new(store, quota, OnFailure::Refuse).unwrap().take(&name(), 2).await.unwrap();

    let sent: Vec<_> = seen.lock()[0].arguments[3..].to_vec();
    assert_eq!(sent, ["limit:name", "7", "857142", "6", "1714285", "5"]);
    assert_eq!((decision.remaining, decision.reset_after), (2, Duration::from_micros(857_143)));
}

/// A token bucket in whole numbers: a request costs `per` µs, and each µs fills in `count`.
#[derive(Debug)]
struct Bucket {
    quota: Quota,
    level: u128,
    filled_at: u128,
}

impl Bucket {
    fn new(quota: Quota) -> Self {
        let mut bucket = Self { quota, level: 0, filled_at: 0 };
        bucket.level = bucket.whole();
        bucket
    }

    fn per(&self) -> u128 {
        self.quota.per().as_micros()
    }

    fn whole(&self) -> u128 {
        u128::from(self.quota.burst()) * self.per()
    }

    fn take(&mut self, now: u128, cost: u32) -> (bool, u128, u128, u128) {
        let count = u128::from(self.quota.count());
        self.level = (self.level + (now - self.filled_at) * count).min(self.whole());
        self.filled_at = now;
        let price = u128::from(cost) * self.per();
        let allowed = price <= self.level;
        let missing = price.saturating_sub(self.level);
        if allowed {
            self.level -= price;
        }
        let reset = (self.whole() - self.level).div_ceil(count);
        (allowed, self.level / self.per(), missing.div_ceil(count), reset)
    }
}

fn quotas() -> impl Strategy<Value = Quota> {
    let counts = prop_oneof![1_u32..10, 1_u32..5000, (MAX_COUNT - 3)..=MAX_COUNT];
    let pers = prop_oneof![1_000_u64..2_000, 1_000_u64..10_000_000, 1_000_000_u64..86_400_000_000];
    let bursts = prop_oneof![1_u32..4, 1_u32..5000, (MAX_COUNT - 3)..=MAX_COUNT];
    (counts, pers, bursts)
        .prop_map(|(count, per, burst)| Quota::new(count, Duration::from_micros(per)).with_burst(burst))
        .prop_filter("out of range", |quota| quota.check().is_ok())
}

/// Steps: how many µs pass, in parts of a request's time and in µs, and the cost in parts of the burst.
fn steps() -> impl Strategy<Value = Vec<(f64, u64, f64)>> {
    prop::collection::vec((0.0_f64..3.0, 0_u64..5, 0.0_f64..=1.0), 1..60)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn limit_in_memory_decides_as_a_bucket_does(quota in quotas(), steps in steps()) {
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let store = MemoryStore::default();
            let limiter = Limiter::new(store, quota, OnFailure::Refuse).unwrap();
            let mut bucket = Bucket::new(quota);
            let start = Instant::now();
            let step = quota.per().as_micros() as f64 / f64::from(quota.count());
            for (pass, more, cost) in steps {
                advance(Duration::from_micros((pass * step) as u64 + more)).await;
                let cost = ((cost * cost * f64::from(quota.burst())) as u32).max(1);

                let decision = limiter.take(&name(), cost).await.unwrap();

                let now = start.elapsed().as_micros();
                let (allowed, remaining, retry, reset) = bucket.take(now, cost);
                prop_assert_eq!(decision.allowed, allowed);
                prop_assert_eq!(u128::from(decision.remaining), remaining);
                prop_assert_eq!(decision.retry_after.as_micros(), retry);
                prop_assert_eq!(decision.reset_after.as_micros(), reset);
            }
            Ok(())
        })?;
    }
}

#[test]
fn quota_that_would_overflow_is_refused() {
    let err = Quota::new(1, MAX_FILL).with_burst(MAX_COUNT).check().unwrap_err();

    assert_eq!(err.code(), Code::ConfigInvalid);
    Quota::new(MAX_COUNT, MAX_FILL).with_burst(MAX_COUNT).check().unwrap();
}

#[tokio::test(start_paused = true)]
async fn name_that_is_whole_sooner_than_it_was_makes_room_for_another() {
    let store = MemoryConfig { max_values: 2, ..MemoryConfig::default() }.build();
    let names = ["a", "b"].map(|name| Key::new(name).unwrap());
    let hourly = Quota::new(1, Duration::from_secs(3600));
    for name in &names {
        store.take(name, hourly, 1).await.unwrap();
    }
    store.take(&name(), hourly, 1).await.unwrap_err();

    // A smaller quota has less to fill.
    store.take(&names[1], Quota::per_second(1), 0).await.unwrap();
    advance(Duration::from_secs(1)).await;

    assert!(store.take(&name(), hourly, 1).await.unwrap().allowed);
}
