use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use bytes::Bytes;
use maily_errors::{Code, Error, Result};
use tokio::time::sleep;
use tower::{Layer as _, Service, ServiceExt as _, service_fn};

use super::{IdempotencyLayer, Json};
use crate::idempotency::{Fingerprint, Idempotency};
use crate::{Key, MemoryStore};

/// Key and body.
type Request = (&'static str, &'static str);

fn identify((key, body): &Request) -> Option<(Key, Fingerprint)> {
    Some((Key::new(*key).ok()?, Fingerprint::of(&[body.as_bytes()])))
}

/// A service that counts its runs, takes a second, and fails for the body `fail`.
fn counter() -> (Arc<AtomicU32>, impl Service<Request, Response = u32, Error = Error, Future: Send> + Clone) {
    let runs = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&runs);
    let service = service_fn(move |(_, body): Request| {
        let run = counted.fetch_add(1, Ordering::Relaxed) + 1;
        async move {
            sleep(Duration::from_secs(1)).await;
            if body == "fail" { Err(Error::from(Code::Unavailable)) } else { Ok(run) }
        }
    });
    (runs, service)
}

async fn call(
    service: &mut impl Service<Request, Response = u32, Error = Error>,
    request: Request,
) -> Result<u32> {
    service.ready().await?.call(request).await
}

#[tokio::test(start_paused = true)]
async fn repeated_request_gets_the_first_answer() {
    let (runs, service) = counter();
    let idempotency = Idempotency::new(MemoryStore::default());
    let mut service = IdempotencyLayer::new(idempotency, identify, Json).layer(service);

    assert_eq!(call(&mut service, ("k", "body")).await.unwrap(), 1);
    assert_eq!(call(&mut service, ("k", "body")).await.unwrap(), 1);
    assert_eq!(call(&mut service, ("other", "body")).await.unwrap(), 2);
    // Without a key there is nothing to remember it by.
    assert_eq!(call(&mut service, ("", "body")).await.unwrap(), 3);
    assert_eq!(call(&mut service, ("", "body")).await.unwrap(), 4);

    assert_eq!(runs.load(Ordering::Relaxed), 4);
    let mismatch = call(&mut service, ("k", "another body")).await.unwrap_err();
    assert_eq!(mismatch.code(), Code::RedisIdempotencyMismatch);
}

#[tokio::test(start_paused = true)]
async fn request_at_the_same_time_waits_or_is_told() {
    let (runs, service) = counter();
    let store = MemoryStore::default();
    let patient = Idempotency::new(store.clone()).with_wait(Duration::from_secs(5));
    let mut patient = IdempotencyLayer::new(patient, identify, Json).layer(service.clone());
    let mut other = patient.clone();
    let mut busy = IdempotencyLayer::new(Idempotency::new(store), identify, Json).layer(service);

    let (first, second, third) = tokio::join!(
        call(&mut patient, ("k", "body")),
        call(&mut other, ("k", "body")),
        call(&mut busy, ("k", "body")),
    );

    assert_eq!((first.unwrap(), second.unwrap()), (1, 1));
    assert_eq!(third.unwrap_err().code(), Code::RedisIdempotencyBusy);
    assert_eq!(runs.load(Ordering::Relaxed), 1);
}

#[tokio::test(start_paused = true)]
async fn failure_is_passed_on_and_not_kept() {
    let (runs, service) = counter();
    let idempotency = Idempotency::new(MemoryStore::default());
    let mut service = IdempotencyLayer::new(idempotency, identify, Json).layer(service);

    for _ in 0..2 {
        assert_eq!(call(&mut service, ("k", "fail")).await.unwrap_err().code(), Code::Unavailable);
    }

    assert_eq!(runs.load(Ordering::Relaxed), 2);
}

#[tokio::test(start_paused = true)]
async fn response_that_the_codec_leaves_out_is_not_kept() {
    let (_, service) = counter();
    let odd = |run: &u32| Ok(run.is_multiple_of(2).then(|| Bytes::from(run.to_string())));
    let codec = (odd, |_: Bytes| Ok(42));
    let idempotency = Idempotency::new(MemoryStore::default());
    let mut service = IdempotencyLayer::new(idempotency, identify, codec).layer(service);

    assert_eq!(call(&mut service, ("k", "body")).await.unwrap(), 1);
    assert_eq!(call(&mut service, ("k", "body")).await.unwrap(), 2);
    assert_eq!(call(&mut service, ("k", "body")).await.unwrap(), 42);
}

#[tokio::test(start_paused = true)]
async fn work_longer_than_the_lease_runs_once() {
    let (runs, service) = counter();
    let idempotency = Idempotency::new(MemoryStore::default())
        .with_lease(Duration::from_millis(100))
        .unwrap()
        .with_wait(Duration::from_secs(5));
    let service = IdempotencyLayer::new(idempotency, identify, Json).layer(service);
    let (mut one, mut two) = (service.clone(), service);

    let (first, second) = tokio::join!(call(&mut one, ("k", "body")), call(&mut two, ("k", "body")));

    assert_eq!((first.unwrap(), second.unwrap()), (1, 1));
    assert_eq!(runs.load(Ordering::Relaxed), 1);
}
