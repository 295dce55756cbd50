use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use maily_errors::Result;
use pin_project_lite::pin_project;
use tokio::time::Instant;
use tracing::Span;

use super::layer::About;
use crate::model::Embedding;

pin_project! {
    /// The future of [`Embeddings`](super::Embeddings).
    #[derive(Debug)]
    pub struct ResponseFuture<F> {
        #[pin]
        inner: F,
        span: Span,
        about: Arc<About>,
        start: Instant,
    }
}

impl<F> ResponseFuture<F> {
    pub(super) fn new(inner: F, span: Span, about: Arc<About>) -> Self {
        Self { inner, span, about, start: Instant::now() }
    }
}

impl<F> Future for ResponseFuture<F>
where
    F: Future<Output = Result<Vec<Embedding>>>,
{
    type Output = Result<Vec<Embedding>>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let entered = this.span.enter();
        let answer = ready!(this.inner.poll(cx));
        drop(entered);
        match &answer {
            Ok(_) => this.about.succeeded(this.start.elapsed()),
            Err(err) => {
                let code = err.code().name();
                this.about.failed(this.start.elapsed(), code);
                this.span.record("error.type", code);
                this.span.record("otel.status_code", "ERROR");
            }
        }
        Poll::Ready(answer)
    }
}
