//! What every server answers, whichever cores it serves.

use std::time::Duration;

use axum::Router;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{Method, Uri};
use maily_errors::{Code, Error, Public};
use maily_serve_http::reply::Problem;
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::time::interval;
use tokio_util::sync::CancellationToken;

/// Health, readiness, metrics and the OpenAPI description, which is JSON.
pub fn pages(api: Bytes, metrics: PrometheusHandle, draining: CancellationToken) -> Router {
    let ready = move || async move {
        if draining.is_cancelled() { Err(Problem::from(Error::from(Code::Draining))) } else { Ok("ready\n") }
    };
    let render = move || async move {
        metrics.run_upkeep();
        ([(CONTENT_TYPE, "text/plain; version=0.0.4")], metrics.render())
    };
    Router::new()
        .route("/healthz", get(async || "ok\n"))
        .route("/readyz", get(ready))
        .route("/metrics", get(render))
        .route("/openapi.json", get(async move || ([(CONTENT_TYPE, "application/json")], api)))
}

/// Puts what was measured into its buckets every second, until `draining`.
///
/// Until then the recorder holds each measured time by itself: a server that nobody asks for `/metrics` would grow with every
/// request.
pub async fn keep_up(metrics: PrometheusHandle, draining: CancellationToken) {
    draining
        .run_until_cancelled(async {
            let mut every = interval(UPKEEP);
            loop {
                every.tick().await;
                metrics.run_upkeep();
            }
        })
        .await;
}

/// Answers a path that exists, but not with this method.
pub async fn problem_wrong_method(method: Method, uri: Uri) -> Response {
    let err = Error::from(Code::MethodNotAllowed)
        .with_operation("server::route")
        .with_context("method", Public(method.as_str()))
        .with_context("path", Public(uri.path()));
    Problem::from(err).into_response()
}

/// Answers a path that does not exist.
pub async fn problem_fallback(uri: Uri) -> Response {
    let err = Error::from(Code::RouteNotFound)
        .with_operation("server::route")
        .with_context("path", Public(uri.path()));
    Problem::from(err).into_response()
}

const UPKEEP: Duration = Duration::from_secs(1);
