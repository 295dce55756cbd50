use http::{Request, Response};
use http_body_util::BodyExt as _;
use tower::{Layer as _, ServiceExt as _, service_fn};

use super::ProblemLayer;
use crate::{Code, Error, MemoryReport, Public};

async fn answer(err: fn() -> Error, report: &MemoryReport) -> Response<serde_json::Value> {
    let handler = service_fn(|_: Request<()>| async move { Err::<Response<String>, _>(err()) });
    let service = ProblemLayer::new(report.clone()).layer(handler);
    let Ok(response) = service.oneshot(Request::new(())).await;
    let (head, body) = response.into_parts();
    let bytes = body.collect().await.unwrap().to_bytes();
    Response::from_parts(head, serde_json::from_slice(&bytes).unwrap())
}

#[tokio::test]
async fn error_becomes_a_problem_document() {
    let report = MemoryReport::default();

    let response = answer(|| Error::from(Code::NodeThrottled), &report).await;

    assert_eq!(response.status(), 429);
    assert_eq!(response.headers()["content-type"], "application/problem+json");
    assert_eq!(response.headers()["retry-after"], "1");
    assert_eq!(response.body()["code"], "node-throttled");
    assert_eq!(response.body()["retry_after_ms"], 1000);
}

#[tokio::test]
async fn only_public_values_reach_the_client() {
    let report = MemoryReport::default();

    let response = answer(
        || {
            Error::new(Code::StoreFailed, "the write failed")
                .with_operation("store::write")
                .with_context("path", "/srv/inner")
                .with_context("limit", Public(7))
                .with_source(std::io::Error::other("disk 3 is full"))
        },
        &report,
    )
    .await;

    let body = response.body().to_string();
    assert_eq!(response.body()["context"]["limit"], 7);
    assert!(!body.contains("inner") && !body.contains("disk") && !body.contains("store::write"), "{body}");
}

#[tokio::test]
async fn server_errors_are_reported_whole_and_client_errors_are_not() {
    let report = MemoryReport::default();

    answer(|| Error::from(Code::NotFound), &report).await;
    answer(|| Error::from(Code::StoreFailed).with_source(std::io::Error::other("disk 3 is full")), &report)
        .await;

    let lines = report.lines();
    assert_eq!(lines.len(), 1);
    assert!(lines[0].contains("disk 3 is full"), "{lines:?}");
}

#[tokio::test]
async fn service_that_is_not_ready_is_answered_too() {
    #[derive(Clone)]
    struct NeverReady;

    impl tower::Service<Request<()>> for NeverReady {
        type Response = Response<String>;
        type Error = Error;
        type Future = std::future::Ready<Result<Response<String>, Error>>;

        fn poll_ready(&mut self, _: &mut std::task::Context<'_>) -> std::task::Poll<Result<(), Error>> {
            std::task::Poll::Ready(Err(Error::from(Code::Draining)))
        }

        fn call(&mut self, _: Request<()>) -> Self::Future {
            unreachable!("it is never ready")
        }
    }

    let Ok(response) = ProblemLayer::default().layer(NeverReady).oneshot(Request::new(())).await;

    assert_eq!(response.status(), 503);
}
