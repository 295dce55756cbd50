use std::task::{Context, Poll};

use maily_errors::Error;
use tower_service::Service;

use super::future::ResponseFuture;

/// Refuses a message that is over a limit.
#[derive(Clone, Debug)]
pub struct Limit<S> {
    inner: S,
    max_bytes: usize,
}

impl<S> Limit<S> {
    /// Lets messages of at most `max_bytes` pass to the inner service.
    #[must_use]
    pub const fn new(inner: S, max_bytes: usize) -> Self {
        Self { inner, max_bytes }
    }
}

impl<S, Req> Service<Req> for Limit<S>
where
    S: Service<Req>,
    S::Error: Into<Error>,
    Req: AsRef<[u8]>,
{
    type Response = S::Response;
    type Error = Error;
    type Future = ResponseFuture<S::Future>;

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, request: Req) -> Self::Future {
        let bytes = request.as_ref().len();
        if bytes > self.max_bytes {
            return ResponseFuture::refused(bytes, self.max_bytes);
        }
        ResponseFuture::passed(self.inner.call(request))
    }
}
