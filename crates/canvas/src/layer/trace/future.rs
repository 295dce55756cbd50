use std::pin::Pin;
use std::task::{Context, Poll, ready};

use maily_errors::Error;
use pin_project_lite::pin_project;
use tokio::time::Instant;
use tracing::Span;

pin_project! {
    /// The future of [`Trace`](super::Trace).
    #[derive(Debug)]
    pub struct ResponseFuture<F> {
        #[pin]
        inner: F,
        span: Span,
        started: Instant,
    }
}

impl<F> ResponseFuture<F> {
    pub(crate) fn new(inner: F, span: Span) -> Self {
        Self { inner, span, started: Instant::now() }
    }
}

impl<F, T> Future for ResponseFuture<F>
where
    F: Future<Output = Result<T, Error>>,
{
    type Output = Result<T, Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let _entered = this.span.enter();
        let outcome = ready!(this.inner.poll(cx));
        let code = outcome.as_ref().map_or_else(|err| err.code().name(), |_| "ok");
        if let Err(err) = &outcome {
            tracing::info!(%err, "refused");
        }
        metrics::histogram!("maily_canvas_join_seconds", "code" => code)
            .record(this.started.elapsed().as_secs_f64());
        Poll::Ready(outcome)
    }
}
