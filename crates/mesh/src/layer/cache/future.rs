use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use maily_errors::Result;
use pin_project_lite::pin_project;

use super::flight::Reader;
use crate::body::Body;
use crate::model::Completion;

pin_project! {
    /// The future of [`Cache`](super::Cache). Dropping it ends the call only if nobody else waits for it.
    pub struct ResponseFuture<F> {
        #[pin]
        state: State<F>,
    }
}

pin_project! {
    #[project = StateProjection]
    enum State<F> {
        Passing { #[pin] future: F },
        Ready { answer: Option<Completion> },
        Flying { reader: Option<Reader> },
    }
}

impl<F> ResponseFuture<F> {
    pub(super) const fn passing(future: F) -> Self {
        Self { state: State::Passing { future } }
    }

    pub(super) const fn ready(answer: Completion) -> Self {
        Self { state: State::Ready { answer: Some(answer) } }
    }

    pub(super) const fn flying(reader: Reader) -> Self {
        Self { state: State::Flying { reader: Some(reader) } }
    }
}

impl<F> Future for ResponseFuture<F>
where
    F: Future<Output = Result<Completion>>,
{
    type Output = Result<Completion>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().state.project() {
            StateProjection::Passing { future } => future.poll(cx),
            StateProjection::Ready { answer } => {
                Poll::Ready(Ok(answer.take().expect("a future is polled once to its end")))
            }
            StateProjection::Flying { reader } => {
                let mut there = reader.take().expect("a future is polled once to its end");
                let Poll::Ready(head) = there.poll_head(cx) else {
                    *reader = Some(there);
                    return Poll::Pending;
                };
                Poll::Ready(head.map(|head| Completion { head, body: Body::stream(there) }))
            }
        }
    }
}

impl<F> fmt::Debug for ResponseFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
