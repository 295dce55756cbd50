//! How many requests, how long they took, and how they ended.

use std::time::Instant;

use axum::extract::{MatchedPath, Request};
use axum::middleware::Next;
use axum::response::Response;

/// Counts every request by route, method and status, and its time to the head of the answer.
///
/// The route is the template, such as `/v1/store/{key}`: there are as many series as routes, whatever is asked for.
pub async fn measure(request: Request, next: Next) -> Response {
    let begun = Instant::now();
    let route =
        request.extensions().get::<MatchedPath>().map_or("none".to_owned(), |path| path.as_str().to_owned());
    let method = request.method().to_string();
    let response = next.run(request).await;
    let labels = [("route", route), ("method", method), ("status", response.status().as_u16().to_string())];
    metrics::counter!("maily_http_requests_total", &labels).increment(1);
    metrics::histogram!("maily_http_seconds", &labels).record(begun.elapsed());
    response
}
