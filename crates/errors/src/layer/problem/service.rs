use std::convert::Infallible;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::Response;
use http_body_util::{Either, Full};
use tower_service::Service;

use super::future::ResponseFuture;
use crate::model::Error;
use crate::port::Report;

/// A service that never fails: its errors are responses.
#[derive(Clone, Debug)]
pub struct ProblemService<S> {
    inner: S,
    report: Arc<dyn Report>,
    service: Option<Arc<str>>,
}

impl<S> ProblemService<S> {
    pub(super) const fn new(inner: S, report: Arc<dyn Report>, service: Option<Arc<str>>) -> Self {
        Self { inner, report, service }
    }
}

impl<S, Req, B> Service<Req> for ProblemService<S>
where
    S: Service<Req, Response = Response<B>> + Clone,
    S::Error: Into<Error>,
{
    type Response = Response<Either<B, Full<Bytes>>>;
    type Error = Infallible;
    type Future = ResponseFuture<S, Req>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        // Readiness is asked for in the future, because a failure there needs a request to answer.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, req: Req) -> Self::Future {
        ResponseFuture::new(self.inner.clone(), req, Arc::clone(&self.report), self.service.clone())
    }
}
