use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use maily_errors::Result;
use pin_project_lite::pin_project;
use tracing::Span;

use crate::layer::database::Failure;
use crate::model::Reply;

pin_project! {
    /// The answer of [`Trace`](super::Trace).
    #[derive(Debug)]
    pub struct ResponseFuture<F> {
        #[pin]
        inner: F,
        span: Span,
    }
}

impl<F> ResponseFuture<F> {
    pub(super) const fn new(inner: F, span: Span) -> Self {
        Self { inner, span }
    }
}

impl<F: Future<Output = Result<Reply>>> Future for ResponseFuture<F> {
    type Output = Result<Reply>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        if this.span.is_none() {
            return this.inner.poll(cx);
        }
        let entered = this.span.enter();
        let outcome = ready!(this.inner.poll(cx));
        drop(entered);
        if let Some(failure) = Failure::of(&outcome) {
            this.span.record("error.type", failure.error);
            if let Some(status) = failure.status {
                this.span.record("db.response.status_code", status);
            }
        }
        Poll::Ready(outcome)
    }
}
