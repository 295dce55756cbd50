use std::task::{Context, Poll};

use maily_errors::Error;
use tower_service::Service;

use super::ResponseFuture;
use crate::Join;

/// Traces the requests to the inner service.
#[derive(Clone, Debug)]
pub struct Trace<S> {
    inner: S,
}

impl<S> Trace<S> {
    /// Creates the service.
    pub const fn new(inner: S) -> Self {
        Self { inner }
    }
}

impl<S> Service<Join> for Trace<S>
where
    S: Service<Join, Error = Error>,
{
    type Response = S::Response;
    type Error = Error;
    type Future = ResponseFuture<S::Future>;

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, join: Join) -> Self::Future {
        let span = tracing::info_span!("canvas.join", document = %join.document);
        let inner = span.in_scope(|| self.inner.call(join));
        ResponseFuture::new(inner, span)
    }
}
