//! The rules of [`Limits`], and of [`Limiter`] over it.

#![expect(clippy::unwrap_used, clippy::missing_panics_doc, reason = "these are tests: a broken rule panics")]

use std::time::Duration;

use futures_util::future::join_all;
use maily_errors::Code;
use tokio::time::{Instant, sleep};

use crate::limit::{Limiter, MAX_COUNT, MAX_FILL, OnFailure, Quota};
use crate::model::Key;
use crate::port::Limits;

const HOUR: Duration = Duration::from_secs(3600);

fn name(name: &'static str) -> Key {
    Key::new(name).unwrap()
}

fn limiter<S: Limits>(store: &S, quota: Quota) -> Limiter<S> {
    Limiter::new(store.clone(), quota, OnFailure::Refuse).unwrap()
}

/// Rule: a whole burst is allowed at once, and no more.
pub async fn limit_allows_a_burst(store: &impl Limits) {
    let limiter = limiter(store, Quota::new(10, HOUR).with_burst(5));
    let name = name("burst");
    for remaining in (0..5).rev() {
        let decision = limiter.take(&name, 1).await.unwrap();
        assert!(decision.allowed && !decision.degraded);
        assert_eq!((decision.remaining, decision.retry_after), (remaining, Duration::ZERO));
    }

    let refused = limiter.take(&name, 1).await.unwrap();

    let step = HOUR / 10;
    assert!(!refused.allowed && !refused.degraded);
    assert_eq!(refused.remaining, 0);
    assert!(refused.retry_after <= step && refused.retry_after > step - Duration::from_secs(60));
    assert!(refused.reset_after <= step * 5 && refused.reset_after > step * 5 - Duration::from_secs(60));
    let err = limiter.admit(&name).await.unwrap_err();
    assert_eq!(err.code(), Code::Throttled);
    assert!(err.retry_after().is_some_and(|after| after <= step));
}

/// Rule: who comes back after the time that was said is allowed, and not before.
pub async fn limit_allows_again_in_time(store: &impl Limits) {
    let limiter = limiter(store, Quota::new(10, Duration::from_secs(2)).with_burst(1));
    let name = name("again");
    let start = Instant::now();
    for _ in 0..4 {
        loop {
            let decision = limiter.take(&name, 1).await.unwrap();
            if decision.allowed {
                break;
            }
            assert!(decision.retry_after <= Duration::from_millis(200));
            sleep(decision.retry_after).await;
        }
    }
    // Three steps of 200 ms after the first; the server's clock may be a little ahead of ours.
    assert!(start.elapsed() > Duration::from_millis(590), "{:?}", start.elapsed());
}

/// Rule: a request may cost more than one; all of it is taken or nothing, and a cost of zero only asks.
pub async fn limit_takes_a_cost_or_nothing(store: &impl Limits) {
    let limiter = limiter(store, Quota::new(7, HOUR).with_burst(7));
    let name = name("cost");

    assert_eq!(limiter.take(&name, 0).await.unwrap().remaining, 7);
    assert_eq!(limiter.take(&name, 4).await.unwrap().remaining, 3);
    let refused = limiter.take(&name, 4).await.unwrap();
    assert!(!refused.allowed);
    assert_eq!(refused.remaining, 3);
    let asked = limiter.take(&name, 0).await.unwrap();
    assert!(asked.allowed);
    assert_eq!(asked.remaining, 3);
    assert_eq!(limiter.take(&name, 3).await.unwrap().remaining, 0);
    assert_eq!(limiter.take(&name, 8).await.unwrap_err().code(), Code::Invalid);
}

/// Rule: of many who ask at once, as many as the burst are allowed.
pub async fn limit_counts_callers_at_once(store: &impl Limits) {
    let limiter = limiter(store, Quota::new(20, HOUR).with_burst(20));
    let name = name("many");

    let decisions = join_all((0..100).map(|_| limiter.take(&name, 1))).await;

    assert_eq!(decisions.iter().filter(|decision| decision.as_ref().unwrap().allowed).count(), 20);
}

/// Rule: names are bytes of any kind, braces of a cluster too, and limits do not touch each other.
pub async fn limit_names_are_any_bytes(store: &impl Limits) {
    let limiter = limiter(store, Quota::new(1, HOUR));
    let names: [&[u8]; 6] = [b"{a}", b"{a}b", b"{}", b"}{", b"a:{b}:{c}", &[0, 255, b'{', 10]];
    for allowed in [true, false] {
        for name in names {
            assert_eq!(limiter.take(&Key::new(name).unwrap(), 1).await.unwrap().allowed, allowed);
        }
    }
}

/// Rule: a quota may change; what was taken stays taken, up to a whole burst of the new one.
pub async fn limit_changes_its_quota(store: &impl Limits) {
    let name = name("quota");
    let large = limiter(store, Quota::new(1000, HOUR));
    let small = limiter(store, Quota::new(7, HOUR).with_burst(2));
    assert!(large.take(&name, 1000).await.unwrap().allowed);

    let refused = small.take(&name, 1).await.unwrap();

    assert!(!refused.allowed);
    assert!(refused.retry_after <= HOUR / 7 + Duration::from_micros(1), "{refused:?}");
}

/// Rule: the ends of the ranges work, and divide without a rest that is lost.
pub async fn limit_keeps_its_ranges(store: &impl Limits) {
    let week = Duration::from_secs(7 * 24 * 3600);
    let quotas = [
        Quota::new(MAX_COUNT, Duration::from_millis(1)),
        Quota::new(MAX_COUNT, week),
        Quota::new(MAX_COUNT - 1, MAX_FILL),
        Quota::new(1, MAX_FILL),
        Quota::new(3, Duration::from_secs(1)).with_burst(MAX_COUNT),
    ];
    for (index, quota) in quotas.into_iter().enumerate() {
        let name = Key::new(format!("range-{index}")).unwrap();
        let limiter = limiter(store, quota);
        let all = limiter.take(&name, quota.burst()).await.unwrap();
        assert!(all.allowed, "{quota:?}");
        assert_eq!(all.remaining, 0, "{quota:?}");
        assert!(limiter.take(&name, 0).await.unwrap().reset_after <= MAX_FILL, "{quota:?}");
    }
    let long = Limiter::new(store.clone(), Quota::new(1, MAX_FILL).with_burst(2), OnFailure::Allow);
    assert_eq!(long.err().unwrap().code(), Code::ConfigInvalid);
    for quota in [
        Quota::new(0, HOUR),
        Quota::new(1, HOUR).with_burst(0),
        Quota::new(MAX_COUNT + 1, HOUR),
        Quota::new(1, HOUR).with_burst(MAX_COUNT + 1),
        Quota::new(1, Duration::from_micros(999)),
        Quota::new(1, Duration::from_nanos(1_000_001)),
    ] {
        assert_eq!(quota.check().unwrap_err().code(), Code::ConfigInvalid, "{quota:?}");
        assert_eq!(store.take(&name("none"), quota, 0).await.unwrap_err().code(), Code::ConfigInvalid);
    }
}

/// Rule: within any time, at most the rate and one burst are allowed, and hardly less.
pub async fn limit_keeps_its_rate(store: &impl Limits) {
    let limiter = limiter(store, Quota::new(200, Duration::from_secs(1)).with_burst(5));
    let name = name("rate");
    let (start, run) = (Instant::now(), Duration::from_millis(500));
    let mut allowed = 0;
    while start.elapsed() < run {
        let decision = limiter.take(&name, 1).await.unwrap();
        if decision.allowed {
            allowed += 1;
        } else {
            sleep(decision.retry_after).await;
        }
    }
    let most = 5.0 + 200.0 * (start.elapsed() + Duration::from_millis(5)).as_secs_f64();
    assert!(f64::from(allowed) <= most, "{allowed} of at most {most}");
    // One task that sleeps between its requests, on a machine with much else to do.
    assert!(allowed >= 10, "{allowed}");
}
