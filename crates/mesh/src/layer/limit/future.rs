use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::future::BoxFuture;
use maily_errors::{Error, Result};
use pin_project_lite::pin_project;
use tower_service::Service;

use super::bill::{Bill, Estimate};
use super::purse::Reservation;
use crate::model::{Completion, Prompt};

pin_project! {
    /// The future of [`Limit`](super::Limit). Dropping it settles what the prompt took.
    pub struct ResponseFuture<S>
    where
        S: Service<Prompt>,
    {
        #[pin]
        state: State<S, S::Future>,
    }
}

pin_project! {
    #[project = StateProjection]
    enum State<S, F> {
        Called { #[pin] inner: F, bill: Option<Bill> },
        // In a box: few wait, and those who do not shall not carry the room for it.
        Waiting { waiting: Box<Waiting<S>> },
        Refused { err: Option<Error> },
    }
}

struct Waiting<S> {
    inner: S,
    prompt: Option<(Prompt, Estimate)>,
    // Boxed: an account answers with what it likes.
    held: BoxFuture<'static, Result<Reservation>>,
}

impl<S: Service<Prompt>> ResponseFuture<S> {
    pub(super) const fn free(inner: S::Future) -> Self {
        Self { state: State::Called { inner, bill: None } }
    }

    pub(super) const fn called(inner: S::Future, bill: Bill) -> Self {
        Self { state: State::Called { inner, bill: Some(bill) } }
    }

    pub(super) fn waiting(
        inner: S,
        prompt: Prompt,
        estimate: Estimate,
        held: BoxFuture<'static, Result<Reservation>>,
    ) -> Self {
        let waiting = Box::new(Waiting { inner, prompt: Some((prompt, estimate)), held });
        Self { state: State::Waiting { waiting } }
    }

    pub(super) const fn refused(err: Error) -> Self {
        Self { state: State::Refused { err: Some(err) } }
    }
}

impl<S> Future for ResponseFuture<S>
where
    S: Service<Prompt, Response = Completion, Error = Error>,
{
    type Output = Result<Completion>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.project().state;
        loop {
            let called = match state.as_mut().project() {
                StateProjection::Called { inner, bill } => {
                    let answer = ready!(inner.poll(cx));
                    return Poll::Ready(match (answer, bill.take()) {
                        (Ok(answer), Some(bill)) => Ok(bill.watch(answer)),
                        (Err(err), Some(bill)) => {
                            bill.cancel();
                            Err(err)
                        }
                        (answer, None) => answer,
                    });
                }
                StateProjection::Waiting { waiting } => match ready!(waiting.held.as_mut().poll(cx)) {
                    Ok(held) => {
                        let (prompt, estimate) = waiting.prompt.take().expect("it waits once");
                        let bill = Bill::new(estimate, held);
                        State::Called { inner: waiting.inner.call(prompt), bill: Some(bill) }
                    }
                    Err(err) => return Poll::Ready(Err(err)),
                },
                StateProjection::Refused { err } => {
                    return Poll::Ready(Err(err.take().expect("polled after it was ready")));
                }
            };
            state.set(called);
        }
    }
}

impl<S: Service<Prompt>> fmt::Debug for ResponseFuture<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
