use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::Response;
use pin_project_lite::pin_project;
use tracing::Span;

use crate::trace::InTrace;

pin_project! {
    /// The answer of [`Trace`](super::Trace).
    #[derive(Debug)]
    pub struct ResponseFuture<F> {
        #[pin]
        inner: InTrace<F>,
        span: Span,
    }
}

impl<F> ResponseFuture<F> {
    pub(super) const fn new(inner: InTrace<F>, span: Span) -> Self {
        Self { inner, span }
    }
}

impl<F, B, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let entered = this.span.enter();
        let result = ready!(this.inner.poll(cx));
        drop(entered);
        if let Ok(response) = &result {
            let status = response.status();
            this.span.record("http.response.status_code", status.as_u16());
            if status.is_server_error() {
                this.span.record("error.type", status.as_str());
                this.span.record("otel.status_code", "ERROR");
            }
        }
        Poll::Ready(result)
    }
}
