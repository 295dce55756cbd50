use std::task::{Context, Poll};

use tower_service::Service;

use super::ResponseFuture;
use crate::room::Session;

/// Slows the sessions of the inner service down.
#[derive(Clone, Debug)]
pub struct Limit<S> {
    inner: S,
    frames_per_second: u32,
    bytes_per_second: u32,
}

impl<S> Limit<S> {
    /// Creates the service; see [`LimitLayer::new`](super::LimitLayer::new).
    pub const fn new(inner: S, frames_per_second: u32, bytes_per_second: u32) -> Self {
        Self { inner, frames_per_second, bytes_per_second }
    }
}

impl<S, Req> Service<Req> for Limit<S>
where
    S: Service<Req, Response = Session>,
{
    type Response = Session;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future>;

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, req: Req) -> Self::Future {
        ResponseFuture::new(self.inner.call(req), self.frames_per_second, self.bytes_per_second)
    }
}
