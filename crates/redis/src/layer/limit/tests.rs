use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use maily_errors::{Code, Error, Kind, Result};
use tower::{Layer as _, Service as _, ServiceExt as _, service_fn};

use super::LimitLayer;
use crate::limit::{Limiter, OnFailure, Quota, Verdict};
use crate::{Key, Limits, MemoryStore};

const MINUTE: Duration = Duration::from_secs(60);

/// A store that is away.
#[derive(Clone, Debug)]
struct Away;

impl Limits for Away {
    async fn take(&self, _: &Key, _: Quota, _: u32) -> Result<Verdict> {
        Err(Error::from(Code::RedisUnreachable))
    }
}

fn name(_: &u32) -> Option<Key> {
    Key::new("all").ok()
}

#[tokio::test(start_paused = true)]
async fn request_over_the_rate_does_not_reach_the_service() {
    let calls = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&calls);
    let limiter = Limiter::new(MemoryStore::default(), Quota::new(2, MINUTE), OnFailure::Refuse).unwrap();
    let mut service = LimitLayer::new(limiter, name).layer(service_fn(move |number: u32| {
        seen.fetch_add(1, Ordering::Relaxed);
        async move { Ok::<_, Error>(number) }
    }));

    assert_eq!(service.ready().await.unwrap().call(1).await.unwrap(), 1);
    assert_eq!(service.ready().await.unwrap().call(2).await.unwrap(), 2);
    let err = service.ready().await.unwrap().call(3).await.unwrap_err();

    assert_eq!((err.kind(), err.retry_after()), (Kind::Throttled, Some(MINUTE / 2)));
    assert!(err.is_temporary());
    assert_eq!(calls.load(Ordering::Relaxed), 2);
    tokio::time::advance(MINUTE / 2).await;
    assert_eq!(service.ready().await.unwrap().call(4).await.unwrap(), 4);
}

#[tokio::test]
async fn store_that_is_away_allows_or_refuses_as_was_chosen() {
    for (on_failure, allowed) in [(OnFailure::Allow, true), (OnFailure::Refuse, false)] {
        let limiter = Limiter::new(Away, Quota::per_second(1), on_failure).unwrap();
        let service = LimitLayer::new(limiter, name).layer(service_fn(async |_: u32| Ok::<_, Error>(())));

        let result = service.oneshot(1).await;

        assert_eq!(result.is_ok(), allowed);
        assert!(allowed || result.unwrap_err().code() == Code::Throttled);
    }
}

#[tokio::test]
async fn errors_of_the_service_pass_unchanged() {
    let limiter = Limiter::new(MemoryStore::default(), Quota::per_second(1), OnFailure::Refuse).unwrap();
    let fails = service_fn(async |_: u32| Err::<(), _>(Error::from(Code::Corrupt)));

    let err = LimitLayer::new(limiter, name).layer(fails).oneshot(1).await.unwrap_err();

    assert_eq!(err.code(), Code::Corrupt);
}
