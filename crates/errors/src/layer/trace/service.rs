use std::sync::Arc;
use std::task::{Context, Poll};

use http::{Request, Response};
use tower_service::Service;
use tracing::field::{self, Empty};

use super::future::ResponseFuture;
use crate::trace::{InTrace, TraceContext};

/// A server whose requests are steps of their traces.
#[derive(Clone, Debug)]
pub struct Trace<S> {
    inner: S,
    service: Arc<str>,
    sampled_pct: f64,
}

impl<S> Trace<S> {
    pub(super) const fn new(inner: S, service: Arc<str>, sampled_pct: f64) -> Self {
        Self { inner, service, sampled_pct }
    }
}

impl<S, B, C> Service<Request<B>> for Trace<S>
where
    S: Service<Request<B>, Response = Response<C>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, req: Request<B>) -> Self::Future {
        let caller = TraceContext::from_headers(req.headers());
        let begin = || TraceContext::root_sampled(self.sampled_pct);
        let trace = caller.map_or_else(begin, TraceContext::child);
        // Without the query, which may hold a key.
        let span = tracing::info_span!(
            "request",
            // Whoever knows the route adds it: `POST /v1/models`.
            otel.name = %req.method(),
            otel.kind = "server",
            otel.status_code = Empty,
            trace_id = %trace.trace_id(),
            span_id = %trace.span_id(),
            parent_span_id = caller.map(|caller| field::display(caller.span_id())),
            sampled = trace.is_sampled(),
            http.request.method = %req.method(),
            http.route = Empty,
            http.response.status_code = Empty,
            url.path = req.uri().path(),
            url.scheme = req.uri().scheme_str().unwrap_or("http"),
            error.type = Empty,
        );
        // Some services do their work before they return the future.
        let entered = span.enter();
        let service = Some(Arc::clone(&self.service));
        let future = InTrace::calling(trace, service, || self.inner.call(req));
        drop(entered);
        ResponseFuture::new(future, span)
    }
}
