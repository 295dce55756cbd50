use std::fmt;
use std::mem;
use std::task::{Context, Poll};

use maily_errors::Error;
use tower_service::Service;

use super::future::ResponseFuture;
use crate::limit::Limiter;
use crate::model::Key;
use crate::port::Limits;

/// A service whose requests keep to a rate.
#[derive(Clone)]
pub struct Limit<S, K, I> {
    limiter: Limiter<S>,
    name: K,
    inner: I,
}

impl<S, K, I> Limit<S, K, I> {
    pub(super) const fn new(limiter: Limiter<S>, name: K, inner: I) -> Self {
        Self { limiter, name, inner }
    }
}

impl<S, K, I, Req> Service<Req> for Limit<S, K, I>
where
    S: Limits + 'static,
    K: Fn(&Req) -> Option<Key>,
    I: Service<Req> + Clone,
    I::Error: Into<Error>,
{
    type Response = I::Response;
    type Error = Error;
    type Future = ResponseFuture<I, Req>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, req: Req) -> Self::Future {
        let Some(name) = (self.name)(&req) else {
            return ResponseFuture::call(self.inner.call(req));
        };
        let limiter = self.limiter.clone();
        // The service that was ready goes into the future; its clone is asked again before the next request.
        let next = self.inner.clone();
        let inner = mem::replace(&mut self.inner, next);
        ResponseFuture::ask(Box::pin(async move { limiter.admit(&name).await }), inner, req)
    }
}

impl<S: fmt::Debug, K, I: fmt::Debug> fmt::Debug for Limit<S, K, I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Limit")
            .field("limiter", &self.limiter)
            .field("inner", &self.inner)
            .finish_non_exhaustive()
    }
}
