//! Locks and limits go on after a restart. Jobs: `jobs/memory/tests.rs`.

use std::time::Duration;

use maily_errors::Code;
use proptest::prelude::*;
use tokio::time::{Instant, advance, timeout};

use super::testing::{Mood, Rows};
use crate::MemoryConfig;
use crate::limit::Quota;
use crate::lock::{Grant, Owner, Token};
use crate::model::Key;
use crate::port::{Leases as _, Limits as _};

const TTL: Duration = Duration::from_secs(10);
const NOW: Duration = Duration::ZERO;
const SECOND: Duration = Duration::from_secs(1);

fn name() -> Key {
    Key::new("name").unwrap()
}

fn token(grant: Grant) -> Token {
    match grant {
        Grant::Granted(token) => token,
        Grant::Held { .. } => panic!("it is held"),
    }
}

#[tokio::test(start_paused = true)]
async fn lease_outlives_a_restart_until_its_end_and_not_longer() {
    let (rows, owner, other) = (Rows::default(), Owner::random(), Owner::random());
    let first = token(rows.restore().acquire(&name(), owner, TTL, NOW).await.unwrap());
    advance(TTL / 2).await;

    // The clock of the system did not move: the lease goes on from its last word.
    let store = rows.restore();
    let held = store.acquire(&name(), other, TTL, NOW).await.unwrap();
    assert!(
        matches!(held, Grant::Held { remaining, .. } if remaining <= TTL && remaining > TTL / 3),
        "{held:?}"
    );
    assert_eq!(token(store.acquire(&name(), owner, TTL, NOW).await.unwrap()), first);
    let store = rows.restore();
    assert!(store.renew(&name(), owner, TTL).await.unwrap());
    let store = rows.restore();
    advance(TTL).await;

    let second = token(store.acquire(&name(), other, TTL, NOW).await.unwrap());
    assert!(second > first);
    assert!(!store.release(&name(), owner).await.unwrap());
    let store = rows.restore();
    assert!(store.release(&name(), other).await.unwrap());
    let third = token(rows.restore().acquire(&name(), owner, TTL, NOW).await.unwrap());
    assert!(third > second);
}

#[tokio::test(start_paused = true)]
async fn tokens_grow_over_restarts_though_the_clock_of_the_system_is_set_back() {
    let (rows, mut last) = (Rows::default(), None);
    for _ in 0..5 {
        let store = rows.restore();
        // The next store begins with the time of the system again: an hour back.
        advance(Duration::from_secs(3600)).await;
        let owner = Owner::random();
        let next = token(store.acquire(&name(), owner, TTL, NOW).await.unwrap());
        store.release(&name(), owner).await.unwrap();
        assert!(Some(next) > last, "{next} after {last:?}");
        last = Some(next);
    }
}

#[tokio::test(start_paused = true)]
async fn locks_that_are_over_leave_the_journal() {
    let rows = Rows::default();
    for round in 0..2_u32 {
        let store = rows.restore();
        for number in 0..1000_u32 {
            let name = Key::new((round * 1000 + number).to_be_bytes().to_vec()).unwrap();
            store.acquire(&name, Owner::random(), TTL, NOW).await.unwrap();
            advance(SECOND).await;
        }

        println!("{} rows after 1000 locks that were never released", rows.keys().len());
        assert!(rows.keys().len() < 100);
    }
}

#[tokio::test(start_paused = true)]
async fn grant_is_not_answered_before_it_is_written() {
    let rows = Rows::default();
    let (store, quota) = (rows.restore(), Quota::per_second(1));
    rows.become_(Mood::Hung);
    assert!(timeout(SECOND, store.acquire(&name(), Owner::random(), TTL, NOW)).await.is_err());
    assert!(timeout(SECOND, store.take(&name(), quota, 1)).await.is_err());

    rows.become_(Mood::Broken);
    let other = Key::new("other").unwrap();
    let refused = store.acquire(&other, Owner::random(), TTL, NOW).await;
    assert_eq!(refused.unwrap_err().code(), Code::RedisDiskFailed);
    assert_eq!(store.take(&other, quota, 1).await.unwrap_err().code(), Code::RedisDiskFailed);
}

#[tokio::test(start_paused = true)]
async fn decision_within_what_is_reserved_writes_nothing() {
    let rows = Rows::default();
    let (store, quota) = (rows.restore(), Quota::per_second(1000));
    let mut allowed = 0;
    for _ in 0..10_000 {
        allowed += u32::from(store.take(&name(), quota, 1).await.unwrap().allowed);
        advance(Duration::from_millis(1)).await;
    }

    println!("{} writes for {allowed} decisions in 10 s", rows.writes());
    assert_eq!(allowed, 10_000);
    assert!(rows.writes() <= 30, "{}", rows.writes());
}

#[test]
fn rows_of_locks_and_limits_that_nobody_wrote_so_are_refused() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(async {
        let rows = Rows::default();
        let store = rows.restore();
        store.acquire(&name(), Owner::random(), TTL, NOW).await.unwrap();
        store.take(&name(), Quota::per_second(1), 1).await.unwrap();
        assert_eq!(rows.keys().len(), 3);

        for key in rows.keys() {
            let value = rows.value(&key);
            for cut in 0..value.len() {
                rows.change(|rows| drop(rows.insert(key.clone(), value.slice(..cut))));
                let err = rows.restore_with(MemoryConfig::default()).unwrap_err();
                assert_eq!(err.code(), Code::RedisDiskCorrupt);
            }
            rows.change(|rows| drop(rows.insert(key.clone(), value)));
        }
        rows.change(|rows| drop(rows.insert("?".into(), "".into())));
        assert!(rows.restore_with(MemoryConfig::default()).is_err());
    });
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(200) })]

    #[test]
    fn limit_never_allows_more_over_restarts_and_at_most_a_second_less(
        (count, per_ms, burst) in (1_u32..100, 1_u64..5_000, 1_u32..20),
        steps in prop::collection::vec((0_u64..400, 1_u32..4, prop::bool::weighted(0.1)), 1..80),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let quota = Quota::new(count, Duration::from_millis(per_ms)).with_burst(burst);
            let rows = Rows::default();
            let (mut store, start, mut restarts) = (rows.restore(), Instant::now(), 0.0);
            let owner = Owner::random();
            let (mut allowed, model) = (0.0, MemoryConfig::default().build());
            let mut by_model = 0.0;
            for (pass_ms, cost, restart) in steps {
                let cost = cost.min(burst);
                if restart {
                    // Its row says the time: the next store goes on from here.
                    store.acquire(&name(), owner, TTL, NOW).await.unwrap();
                    store = rows.restore();
                    restarts += 1.0;
                }
                advance(Duration::from_millis(pass_ms)).await;
                let take = store.take(&name(), quota, cost).await.unwrap();
                allowed += f64::from(u8::from(take.allowed)) * f64::from(cost);
                let take = model.take(&name(), quota, cost).await.unwrap();
                by_model += f64::from(u8::from(take.allowed)) * f64::from(cost);
            }
            let rate = f64::from(count) / per_ms as f64 * 1000.0;
            let most = f64::from(burst) + rate * start.elapsed().as_secs_f64();
            prop_assert!(allowed <= most + 1e-6, "{allowed} of at most {most}");
            // Costs do not fit exactly, so each restart may move one of them.
            let least = by_model - restarts * (rate + 3.0) - 3.0;
            prop_assert!(allowed >= least - 1e-6, "{allowed} of {by_model}, {restarts} restarts");
            if restarts == 0.0 {
                prop_assert_eq!(allowed, by_model);
            }
            Ok(())
        })?;
    }
}
