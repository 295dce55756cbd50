use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use maily_errors::{Error, Result};
use pin_project_lite::pin_project;
use tower_service::Service;

use super::body::Resumed;
use crate::body::Body;
use crate::model::{Completion, Prompt};

pin_project! {
    /// The future of [`Resume`](super::Resume).
    pub struct ResponseFuture<S>
    where
        S: Service<Prompt>,
    {
        #[pin]
        state: State<S::Future>,
        // What continues a stream; none for an answer in one piece.
        rest: Option<Box<Resumed<S>>>,
    }
}

pin_project! {
    #[project = StateProjection]
    enum State<F> {
        Called { #[pin] future: F },
        Ready { answer: Option<Result<Completion>> },
    }
}

impl<S: Service<Prompt>> ResponseFuture<S> {
    pub(super) const fn passing(future: S::Future) -> Self {
        Self { state: State::Called { future }, rest: None }
    }

    pub(super) fn streaming(future: S::Future, rest: Resumed<S>) -> Self {
        Self { state: State::Called { future }, rest: Some(Box::new(rest)) }
    }

    pub(super) const fn ready(answer: Result<Completion>) -> Self {
        Self { state: State::Ready { answer: Some(answer) }, rest: None }
    }
}

impl<S> Future for ResponseFuture<S>
where
    S: Service<Prompt, Response = Completion, Error = Error> + Clone + Send + 'static,
    S::Future: Send + 'static,
{
    type Output = Result<Completion>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let Completion { head, body } = match this.state.project() {
            StateProjection::Called { future } => ready!(future.poll(cx))?,
            StateProjection::Ready { answer } => {
                return Poll::Ready(answer.take().expect("polled after it was ready"));
            }
        };
        Poll::Ready(Ok(match this.rest.take() {
            Some(mut rest) if head.streamed => {
                rest.begin(&head, body);
                Completion { head, body: Body::boxed(Box::into_pin(rest)) }
            }
            _ => Completion { head, body },
        }))
    }
}

impl<S: Service<Prompt>> fmt::Debug for ResponseFuture<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
