use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::{Context, Poll};

use tower_service::Service;

use super::future::ResponseFuture;
use crate::model::Error;

/// A service whose panics are errors.
#[derive(Clone, Debug)]
pub struct CatchPanic<S> {
    inner: S,
}

impl<S> CatchPanic<S> {
    pub(super) const fn new(inner: S) -> Self {
        Self { inner }
    }
}

impl<S, Req> Service<Req> for CatchPanic<S>
where
    S: Service<Req>,
    S::Error: Into<Error>,
{
    type Response = S::Response;
    type Error = Error;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, req: Req) -> Self::Future {
        // Unwind safe: on a panic the half-changed service answers nothing more for this request, and what it
        // shares with others is behind locks, which note a panic themselves.
        let called = catch_unwind(AssertUnwindSafe(|| self.inner.call(req)));
        ResponseFuture::new(called.map_err(super::panicked))
    }
}
