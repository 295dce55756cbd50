use std::sync::Arc;
use std::task::{Context, Poll};

use http::{Request, Response};
use tower_service::Service;
use tracing::field::Empty;

use super::future::ResponseFuture;
use crate::trace::{InTrace, TraceContext};

/// A server whose requests are steps of their traces.
#[derive(Clone, Debug)]
pub struct Trace<S> {
    inner: S,
    service: Arc<str>,
}

impl<S> Trace<S> {
    pub(super) const fn new(inner: S, service: Arc<str>) -> Self {
        Self { inner, service }
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
        let trace =
            TraceContext::from_headers(req.headers()).map_or_else(TraceContext::root, TraceContext::child);
        // Without the query, which may hold a key.
        let span = tracing::info_span!(
            "request",
            method = %req.method(),
            path = req.uri().path(),
            trace_id = %trace.trace_id(),
            span_id = %trace.span_id(),
            status = Empty,
        );
        // Some services do their work before they return the future.
        let entered = span.enter();
        let service = Some(Arc::clone(&self.service));
        let future = InTrace::calling(trace, service, || self.inner.call(req));
        drop(entered);
        ResponseFuture::new(future, span)
    }
}
