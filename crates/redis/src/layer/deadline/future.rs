use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use maily_errors::{Code, Error, Public};
use pin_project_lite::pin_project;
use tokio::time::{Sleep, sleep};

pin_project! {
    /// The answer of [`Deadline`](super::Deadline).
    #[derive(Debug)]
    pub struct ResponseFuture<F> {
        #[pin]
        inner: F,
        #[pin]
        sleep: Sleep,
        limit: Duration,
    }
}

impl<F> ResponseFuture<F> {
    pub(super) fn new(inner: F, limit: Duration) -> Self {
        Self { inner, sleep: sleep(limit), limit }
    }
}

impl<F, T, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<T, E>>,
    E: Into<Error>,
{
    type Output = Result<T, Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        // Inner first: an answer that is ready at the deadline still counts.
        if let Poll::Ready(result) = this.inner.poll(cx) {
            return Poll::Ready(result.map_err(Into::into));
        }
        ready!(this.sleep.poll(cx));
        let limit_ms = u64::try_from(this.limit.as_millis()).unwrap_or(u64::MAX);
        Poll::Ready(Err(Error::new(Code::Timeout, "the store did not answer in time")
            .with_operation("redis::deadline")
            .with_context("limit_ms", Public(limit_ms))))
    }
}
