use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use http::{Method, Request};
use tokio::time::Instant;
use tower::{Layer as _, Service as _, ServiceExt as _, service_fn};

use super::{Classify, Deadline, RetryLayer};
use crate::retry::Budget;
use crate::{Code, Error, Status};

/// A service that fails so often and then answers, and how often it was called.
fn shaky(
    err: fn() -> Error,
    failures: u32,
) -> (impl tower::Service<Request<()>, Response = u32, Error = Error, Future: Send> + Clone, Arc<AtomicU32>) {
    let calls = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&calls);
    let service = service_fn(move |_: Request<()>| {
        let call = counted.fetch_add(1, Ordering::Relaxed);
        async move { if call < failures { Err(err()) } else { Ok(call) } }
    });
    (service, calls)
}

fn of(method: Method) -> Request<()> {
    Request::builder().method(method).body(()).unwrap()
}

fn layer() -> RetryLayer {
    RetryLayer::default().with_random(|| 0.5)
}

#[tokio::test(start_paused = true)]
async fn get_is_repeated_until_it_succeeds_with_jitter_over_a_range_that_doubles() {
    let (service, calls) = shaky(|| Error::from(Code::Timeout), 3);
    let start = Instant::now();

    let answer = layer().layer(service).oneshot(of(Method::GET)).await.unwrap();

    assert_eq!((answer, calls.load(Ordering::Relaxed)), (3, 4));
    assert_eq!(start.elapsed(), Duration::from_millis(100 + 200 + 400));
}

#[tokio::test(start_paused = true)]
async fn spent_retries_make_the_error_persistent() {
    let (service, calls) = shaky(|| Error::from(Code::Timeout), u32::MAX);

    let err = layer().layer(service).oneshot(of(Method::GET)).await.unwrap_err();

    assert_eq!((err.status(), calls.load(Ordering::Relaxed)), (Status::Persistent, 4));
}

#[tokio::test(start_paused = true)]
async fn post_is_not_repeated_on_a_transient_error() {
    let (service, calls) = shaky(|| Error::from(Code::Timeout), u32::MAX);

    let err = layer().layer(service).oneshot(of(Method::POST)).await.unwrap_err();

    assert_eq!((err.status(), calls.load(Ordering::Relaxed)), (Status::Temporary, 1));
}

#[tokio::test(start_paused = true)]
async fn post_with_an_idempotency_key_is_repeated() {
    let (service, calls) = shaky(|| Error::from(Code::Timeout), 1);
    let request = Request::post("/").header("idempotency-key", "7").body(()).unwrap();

    layer().layer(service).oneshot(request).await.unwrap();

    assert_eq!(calls.load(Ordering::Relaxed), 2);
}

#[tokio::test(start_paused = true)]
async fn post_that_was_refused_before_anything_happened_is_repeated() {
    let (service, calls) = shaky(|| Error::from(Code::Throttled), 1);

    layer().layer(service).oneshot(of(Method::POST)).await.unwrap();

    assert_eq!(calls.load(Ordering::Relaxed), 2);
}

#[tokio::test(start_paused = true)]
async fn delay_of_the_other_side_is_waited_exactly() {
    let (service, _) =
        shaky(|| Error::from(Code::Throttled).with_retry_after(Duration::from_millis(1500)), 1);
    let start = Instant::now();

    layer().layer(service).oneshot(of(Method::GET)).await.unwrap();

    assert_eq!(start.elapsed(), Duration::from_millis(1500));
}

#[tokio::test(start_paused = true)]
async fn delay_over_the_limit_fails_at_once_and_stays_visible() {
    let (service, calls) =
        shaky(|| Error::from(Code::Throttled).with_retry_after(Duration::from_secs(60)), 1);

    let err = layer().layer(service).oneshot(of(Method::GET)).await.unwrap_err();

    assert_eq!((err.is_temporary(), calls.load(Ordering::Relaxed)), (true, 1));
    assert_eq!(err.retry_after(), Some(Duration::from_secs(60)));
}

#[tokio::test(start_paused = true)]
async fn repetition_that_would_begin_after_the_deadline_is_not_made() {
    let (service, calls) = shaky(|| Error::from(Code::Throttled).with_retry_after(Duration::from_secs(1)), 1);
    let mut request = of(Method::GET);
    request.extensions_mut().insert(Deadline(Instant::now() + Duration::from_millis(900)));

    let err = layer().layer(service).oneshot(request).await.unwrap_err();

    assert_eq!((err.status(), calls.load(Ordering::Relaxed)), (Status::Persistent, 1));
}

#[tokio::test(start_paused = true)]
async fn clones_share_one_budget_and_a_spent_one_makes_errors_persistent() {
    let (service, calls) = shaky(|| Error::from(Code::Timeout), u32::MAX);
    let layer = layer().with_budget(Budget::new(0.5, 0));
    let mut service = layer.clone().layer(service);

    for _ in 0..10 {
        let err = service.ready().await.unwrap().call(of(Method::GET)).await.unwrap_err();
        assert_eq!(err.status(), Status::Persistent);
    }

    assert_eq!(calls.load(Ordering::Relaxed), 10 + 5);
}

#[tokio::test(start_paused = true)]
async fn any_clonable_request_is_repeated_as_a_closure_says() {
    let calls = AtomicU32::new(0);
    let failing = service_fn(|_: &'static str| {
        calls.fetch_add(1, Ordering::Relaxed);
        async { Err::<(), _>(Error::from(Code::Timeout)) }
    });
    let service = layer().with_idempotent(|query: &&str| query.starts_with("get")).layer(failing);

    service.clone().oneshot("get").await.unwrap_err();
    service.oneshot("set").await.unwrap_err();

    assert_eq!(calls.load(Ordering::Relaxed), 4 + 1);
}

#[test]
fn methods_are_idempotent_as_in_rfc_9110() {
    let idempotent = |method| super::ByMethod.is_idempotent(&of(method));

    assert!(
        [Method::GET, Method::HEAD, Method::OPTIONS, Method::PUT, Method::DELETE].into_iter().all(idempotent)
    );
    assert!(![Method::POST, Method::PATCH, Method::CONNECT].into_iter().any(idempotent));
}
