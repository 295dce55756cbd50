use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use maily_errors::{Error, Result};
use pin_project_lite::pin_project;

use super::Call;
use crate::body::Watch;
use crate::model::Completion;

pin_project! {
    /// The future of [`Breaker`](super::Breaker).
    #[derive(Debug)]
    pub struct ResponseFuture<F> {
        #[pin]
        state: State<F>,
    }
}

pin_project! {
    #[derive(Debug)]
    #[project = StateProjection]
    enum State<F> {
        Called { #[pin] inner: F, call: Option<Call> },
        Refused { err: Option<Error> },
    }
}

impl<F> ResponseFuture<F> {
    pub(super) const fn called(inner: F, call: Call) -> Self {
        Self { state: State::Called { inner, call: Some(call) } }
    }

    pub(super) const fn refused(err: Error) -> Self {
        Self { state: State::Refused { err: Some(err) } }
    }
}

impl<F> Future for ResponseFuture<F>
where
    F: Future<Output = Result<Completion>>,
{
    type Output = Result<Completion>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let (inner, call) = match self.project().state.project() {
            StateProjection::Called { inner, call } => (inner, call),
            StateProjection::Refused { err } => {
                return Poll::Ready(Err(err.take().expect("polled after it was ready")));
            }
        };
        let answer = ready!(inner.poll(cx));
        let mut call = call.take().expect("polled after it was ready");
        Poll::Ready(match answer {
            Ok(Completion { head, body }) => Ok(Completion { head, body: body.watched(call) }),
            Err(err) => {
                call.end(Some(&err));
                Err(err)
            }
        })
    }
}

impl Watch for Call {
    fn chunk(&mut self, _: &Bytes) {
        self.begun();
    }

    fn end(&mut self, error: Option<&Error>) {
        Self::end(self, error);
    }
}
