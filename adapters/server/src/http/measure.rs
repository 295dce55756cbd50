//! How many requests, how long they took, and how they ended.

use std::collections::HashMap;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use axum::extract::{MatchedPath, Request};
use http::{Method, Response};
use metrics::{Counter, Histogram};
use parking_lot::RwLock;
use pin_project_lite::pin_project;
use tower::{Layer, Service};
use tracing::{Span, field};

/// The instruments of every route, method and status that was seen. Clones are the same.
///
/// Looking one up is a read lock; only the first of its kind builds labels. The recorder is the one that is
/// installed then.
#[derive(Clone, Default)]
struct Instruments {
    routes: Arc<RwLock<HashMap<String, Outcomes>>>,
}

type Outcomes = HashMap<(&'static str, u16), (Counter, Histogram)>;

impl Instruments {
    fn record(&self, route: &str, method: &Method, status: u16, took: Duration) {
        let outcome = (known(method), status);
        if let Some((requests, seconds)) = self.routes.read().get(route).and_then(|known| known.get(&outcome))
        {
            requests.increment(1);
            seconds.record(took);
            return;
        }
        let (method, status) = outcome;
        let labels =
            [("route", route.to_owned()), ("method", method.to_owned()), ("status", status.to_string())];
        let requests = metrics::counter!("maily_http_requests_total", &labels);
        let seconds = metrics::histogram!("maily_http_seconds", &labels);
        requests.increment(1);
        seconds.record(took);
        self.routes.write().entry(route.to_owned()).or_default().insert(outcome, (requests, seconds));
    }
}

impl fmt::Debug for Instruments {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Instruments").field("routes", &self.routes.read().len()).finish()
    }
}

/// Counts every request by route, method and status, and its time to the head of the answer.
///
/// The route is the template, such as `/v1/store/{key}`, and a method that HTTP does not know is `other`: there are
/// as many series as routes, whatever is asked for.
#[derive(Clone, Debug, Default)]
pub struct MeasureLayer {
    instruments: Instruments,
}

/// The service of [`MeasureLayer`].
#[derive(Clone, Debug)]
pub struct Measure<S> {
    inner: S,
    instruments: Instruments,
}

pin_project! {
    /// The future of [`Measure`].
    #[derive(Debug)]
    pub struct ResponseFuture<F> {
        #[pin]
        inner: F,
        instruments: Instruments,
        route: Option<MatchedPath>,
        method: Method,
        begun: Instant,
    }
}

impl<S> Layer<S> for MeasureLayer {
    type Service = Measure<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Measure { inner, instruments: self.instruments.clone() }
    }
}

impl<S, B> Service<Request> for Measure<S>
where
    S: Service<Request, Response = Response<B>>,
{
    type Response = Response<B>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future>;

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let begun = Instant::now();
        let route = request.extensions().get::<MatchedPath>().cloned();
        let method = request.method().clone();
        name_span(&method, route.as_ref());
        let inner = self.inner.call(request);
        ResponseFuture { inner, instruments: self.instruments.clone(), route, method, begun }
    }
}

impl<F, B, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let response = ready!(this.inner.poll(cx))?;
        let route = this.route.as_ref().map_or("none", MatchedPath::as_str);
        this.instruments.record(route, this.method, response.status().as_u16(), this.begun.elapsed());
        Poll::Ready(Ok(response))
    }
}

/// Tells the span of the request which route it takes: only here is it known.
fn name_span(method: &Method, route: Option<&MatchedPath>) {
    let span = Span::current();
    if let Some(route) = route.filter(|_| !span.is_disabled()) {
        span.record("http.route", route.as_str());
        span.record("otel.name", field::display(format_args!("{method} {}", route.as_str())));
    }
}

fn known(method: &Method) -> &'static str {
    let known = ["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "CONNECT", "TRACE"];
    known.into_iter().find(|name| *name == method.as_str()).unwrap_or("other")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn client_cannot_make_series_up() {
        let instruments = Instruments::default();

        for made_up in ["A1", "A2", "A3", "POST"] {
            let method = Method::from_bytes(made_up.as_bytes()).unwrap();
            instruments.record("/v1/models", &method, 405, Duration::from_millis(1));
        }

        assert_eq!(instruments.routes.read()["/v1/models"].len(), 2);
    }
}
