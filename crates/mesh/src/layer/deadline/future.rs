use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use maily_errors::{Code, Error, Public, Result};
use pin_project_lite::pin_project;
use tokio::time::{Instant, Sleep, sleep_until};

use super::Limits;
use super::body::Watched;
use crate::body::Body;
use crate::model::Completion;

pin_project! {
    /// The future of [`Deadline`](super::Deadline).
    #[derive(Debug)]
    pub struct ResponseFuture<F> {
        #[pin]
        inner: F,
        #[pin]
        sleep: Sleep,
        limits: Limits,
        total: Option<Instant>,
    }
}

impl<F> ResponseFuture<F> {
    pub(super) fn new(inner: F, limits: Limits, total: Option<Instant>) -> Self {
        let first = Instant::now() + limits.first_byte;
        let sleep = sleep_until(total.map_or(first, |total| total.min(first)));
        Self { inner, sleep, limits, total }
    }
}

impl<F> Future for ResponseFuture<F>
where
    F: Future<Output = Result<Completion>>,
{
    type Output = Result<Completion>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        // Inner first: an answer that is ready at the deadline still counts.
        if let Poll::Ready(answer) = this.inner.poll(cx) {
            let (limits, total, first) = (*this.limits, *this.total, this.sleep.deadline());
            return Poll::Ready(answer.map(|Completion { head, body }| Completion {
                head,
                body: Body::stream(Watched::new(body, limits, total, first)),
            }));
        }
        this.sleep.poll(cx).map(|()| Err(too_late("first byte")))
    }
}

pub(super) fn too_late(phase: &'static str) -> Error {
    Error::new(Code::Timeout, "the node was silent for too long")
        .with_operation("mesh::deadline")
        .with_context("phase", Public(phase))
}
