use std::task::{Context, Poll};

use http::Request;
use tower_service::Service;

use crate::trace::{TRACEPARENT, TraceContext};

/// A client whose calls are steps of the current trace.
#[derive(Clone, Debug)]
pub struct Propagate<S> {
    inner: S,
}

impl<S> Propagate<S> {
    pub(super) const fn new(inner: S) -> Self {
        Self { inner }
    }
}

impl<S, B> Service<Request<B>> for Propagate<S>
where
    S: Service<Request<B>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut req: Request<B>) -> Self::Future {
        if !req.headers().contains_key(TRACEPARENT)
            && let Some(trace) = TraceContext::current()
        {
            trace.child().write_to(req.headers_mut());
        }
        self.inner.call(req)
    }
}
