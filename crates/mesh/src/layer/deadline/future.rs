use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use maily_errors::Result;
use pin_project_lite::pin_project;
use tokio::time::{Instant, Sleep, sleep_until};

use super::Limits;
use super::body::Watched;
use super::phase::Wait;
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
        wait: Wait,
        limits: Limits,
        total: Option<Instant>,
        start: Instant,
    }
}

impl<F> ResponseFuture<F> {
    pub(super) fn new(inner: F, limits: Limits, streamed: bool, total: Option<Instant>) -> Self {
        let start = Instant::now();
        let wait = if streamed {
            Wait::new("headers", start + limits.headers, total)
        } else {
            // Its head comes when the model has said everything.
            Wait::new("whole answer", start + limits.whole, total)
        };
        Self { inner, sleep: sleep_until(wait.until), wait, limits, total, start }
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
            return Poll::Ready(answer.map(|Completion { head, body }| {
                if body.remaining().is_some() {
                    // It is all there: nothing is waited for any more.
                    return Completion { head, body };
                }
                let (limits, total, start) = (*this.limits, *this.total, *this.start);
                let watched = if head.streamed {
                    let wait = Wait::new("first token", start + limits.first_token, total);
                    Watched::new(body, wait, Some(limits.between), total)
                } else {
                    Watched::new(body, Wait::new("whole answer", start + limits.whole, total), None, total)
                };
                Completion { head, body: Body::stream(watched) }
            }));
        }
        this.sleep.poll(cx).map(|()| Err(this.wait.error()))
    }
}
