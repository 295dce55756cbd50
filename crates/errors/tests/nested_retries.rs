//! Three services, each repeating the calls to the next, while everything at the bottom fails.

#![cfg(feature = "retry")]

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{Either, Full};
use maily_errors::layer::problem::ProblemLayer;
use maily_errors::layer::retry::RetryLayer;
use maily_errors::{DecodeConfig, Error};
use tokio::task::JoinSet;
use tower::util::BoxCloneSyncService;
use tower::{ServiceBuilder, ServiceExt as _, service_fn};

type Server = BoxCloneSyncService<Request<()>, Response<Full<Bytes>>, Infallible>;

/// Answers 503 with a body, and counts.
fn failing(content_type: &'static str, body: &'static str) -> (Server, Arc<AtomicU32>) {
    let calls = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&calls);
    let server = service_fn(move |_: Request<()>| {
        counted.fetch_add(1, Ordering::Relaxed);
        let mut answer = Response::new(Full::new(Bytes::from_static(body.as_bytes())));
        *answer.status_mut() = http::StatusCode::SERVICE_UNAVAILABLE;
        answer.headers_mut().insert("content-type", http::HeaderValue::from_static(content_type));
        async { Ok(answer) }
    });
    (BoxCloneSyncService::new(server), calls)
}

/// A service of its own: it asks the next one as a client, with a budget, and answers with problem documents.
fn tier(name: &str, next: Server) -> Server {
    let seed = AtomicU32::new(1);
    // A fixed sequence in 0.0..1.0.
    let random = move || f64::from(seed.fetch_add(7919, Ordering::Relaxed) % 1000) / 1000.0;
    let service = ServiceBuilder::new()
        .layer(ProblemLayer::default().with_service(name))
        .layer(RetryLayer::default().with_random(random))
        .layer(DecodeConfig::default().build())
        .service(next.map_err(|never| -> Error { match never {} }));
    let flat = |body| match body {
        Either::Left(body) | Either::Right(body) => body,
    };
    BoxCloneSyncService::new(service.map_response(move |response: Response<_>| response.map(flat)))
}

/// Sends a thousand requests a second for ten seconds, and returns the calls at the bottom for each.
async fn calls_for_each_request(content_type: &'static str, body: &'static str) -> f64 {
    let (bottom, calls) = failing(content_type, body);
    let top = tier("edge", tier("gateway", tier("mesh", bottom)));

    let mut sent = JoinSet::new();
    for _ in 0..REQUESTS {
        sent.spawn(top.clone().oneshot(Request::new(())));
        tokio::time::advance(Duration::from_millis(1)).await;
    }
    let answers = sent.join_all().await;

    assert!(answers.into_iter().all(|answer| answer.is_ok_and(|answer| answer.status() == 503)));
    f64::from(calls.load(Ordering::Relaxed)) / f64::from(REQUESTS)
}

const REQUESTS: u32 = 10_000;

#[tokio::test(start_paused = true)]
async fn three_layers_of_retries_add_at_most_a_fifth_to_the_load() {
    for (content_type, body) in [
        (
            "application/problem+json",
            r#"{"type":"urn:maily:error:unavailable","status":503,"retry_after_ms":200}"#,
        ),
        ("application/problem+json", r#"{"type":"about:blank","title":"Service Unavailable","status":503}"#),
        ("application/problem+json", r#"{"type":"https://example.com/down","status":503}"#),
        ("text/html", "<html>503</html>"),
    ] {
        let calls = calls_for_each_request(content_type, body).await;

        println!("{calls:.3} calls at the bottom for each request, body {body}");
        assert!((1.0..=1.2).contains(&calls), "{calls} for {body}");
    }
}
