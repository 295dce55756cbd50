use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use maily_errors::{Error, Result};
use pin_project_lite::pin_project;
use tracing::Span;

use crate::body::Watch;
use crate::model::Completion;

pin_project! {
    /// The future of [`Trace`](super::Trace).
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

impl<F> Future for ResponseFuture<F>
where
    F: Future<Output = Result<Completion>>,
{
    type Output = Result<Completion>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let entered = this.span.enter();
        let answer = ready!(this.inner.poll(cx));
        drop(entered);
        Poll::Ready(match answer {
            Ok(Completion { head, body }) => {
                if let Some(node) = &head.node {
                    this.span.record("maily.node", node.as_str());
                }
                this.span.record("maily.recalled", head.recalled.len());
                // Nobody listens: the body passes without a watcher.
                let body = if this.span.is_disabled() {
                    body
                } else {
                    body.watched(SpanWatch { span: this.span.clone(), chunks: 0 })
                };
                Ok(Completion { head, body })
            }
            Err(err) => {
                failed(this.span, &err);
                Err(err)
            }
        })
    }
}

/// Holds the span open while the body passes.
struct SpanWatch {
    span: Span,
    chunks: u64,
}

impl Watch for SpanWatch {
    fn chunk(&mut self, _: &Bytes) {
        self.chunks += 1;
    }

    fn end(&mut self, error: Option<&Error>) {
        if let Some(err) = error {
            failed(&self.span, err);
        }
    }
}

impl Drop for SpanWatch {
    fn drop(&mut self) {
        self.span.record("maily.chunks", self.chunks);
    }
}

fn failed(span: &Span, err: &Error) {
    span.record("error.type", err.code().name());
    // Whoever answers for the prompt decides how loud this is.
    tracing::debug!(parent: span, error = %err, "the prompt failed");
}
