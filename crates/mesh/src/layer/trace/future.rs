use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use maily_errors::{Error, Result};
use pin_project_lite::pin_project;
use tokio::time::Instant;
use tracing::Span;

use super::seen::Seen;
use crate::body::Watch;
use crate::model::{Completion, CompletionHead, Format, OWN};

pin_project! {
    /// The future of [`Trace`](super::Trace).
    #[derive(Debug)]
    pub struct ResponseFuture<F> {
        #[pin]
        inner: F,
        span: Span,
        format: Format,
        // None: nobody listens.
        start: Option<Instant>,
    }
}

impl<F> ResponseFuture<F> {
    pub(super) fn new(inner: F, span: Span, format: Format) -> Self {
        let start = (!span.is_disabled()).then(Instant::now);
        Self { inner, span, format, start }
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
        Poll::Ready(match (answer, *this.start) {
            (Ok(Completion { head, body }), Some(start)) => {
                begun(this.span, &head);
                let start = head.streamed.then_some(start);
                let watch = SpanWatch {
                    span: this.span.clone(),
                    start,
                    seen: Seen::of(*this.format, head.streamed),
                    ended: false,
                };
                Ok(Completion { head, body: body.watched(watch) })
            }
            // Nobody listens: the body passes without a watcher.
            (Ok(answer), None) => Ok(answer),
            (Err(err), _) => {
                failed(this.span, &err);
                Err(err)
            }
        })
    }
}

/// Holds the span open while the body passes.
struct SpanWatch {
    span: Span,
    // When the prompt was sent, until the first chunk of a stream.
    start: Option<Instant>,
    seen: Seen,
    ended: bool,
}

impl Watch for SpanWatch {
    fn chunk(&mut self, chunk: &Bytes) {
        if let Some(start) = self.start.take() {
            self.span.record("gen_ai.response.time_to_first_chunk", start.elapsed().as_secs_f64());
        }
        self.seen.see(chunk);
    }

    fn end(&mut self, error: Option<&Error>) {
        self.ended = true;
        if let Some(err) = error {
            failed(&self.span, err);
        }
    }
}

impl Drop for SpanWatch {
    fn drop(&mut self) {
        self.seen.record(&self.span);
        if !self.ended {
            // The reader left, which is no failure of ours.
            self.span.record("error.type", "canceled");
        }
    }
}

fn begun(span: &Span, head: &CompletionHead) {
    let endpoint = head.endpoint.as_deref();
    span.record("gen_ai.provider.name", endpoint.map_or(OWN, |endpoint| endpoint.provider()));
    if let Some(address) = endpoint.and_then(|endpoint| endpoint.address()) {
        span.record("server.address", address);
    }
    if let Some(port) = endpoint.and_then(|endpoint| endpoint.port()) {
        span.record("server.port", port);
    }
    if let Some(node) = &head.node {
        span.record("maily.node", node.as_str());
    }
    span.record("maily.recalled", head.recalled.len());
}

fn failed(span: &Span, err: &Error) {
    span.record("error.type", err.code().name());
    span.record("otel.status_code", "ERROR");
    // Whoever answers for the prompt decides how loud this is.
    tracing::debug!(parent: span, error = %err, "the prompt failed");
}
