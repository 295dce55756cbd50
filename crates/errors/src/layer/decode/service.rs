use std::task::{Context, Poll};

use http::Response;
use http_body::Body;
use tower_service::Service;

use super::future::ResponseFuture;
use crate::model::Error;

/// A client whose failed answers are errors.
#[derive(Clone, Debug)]
pub struct Decode<S> {
    inner: S,
    max_bytes: usize,
}

impl<S> Decode<S> {
    pub(super) const fn new(inner: S, max_bytes: usize) -> Self {
        Self { inner, max_bytes }
    }
}

impl<S, Req, B> Service<Req> for Decode<S>
where
    S: Service<Req, Response = Response<B>>,
    S::Error: Into<Error>,
    B: Body,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    type Response = Response<B>;
    type Error = Error;
    type Future = ResponseFuture<S::Future, B>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, req: Req) -> Self::Future {
        ResponseFuture::new(self.inner.call(req), self.max_bytes)
    }
}
