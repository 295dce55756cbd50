use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use futures_core::future::BoxFuture;
use maily_errors::{Error, Result};
use pin_project_lite::pin_project;
use tower_service::Service;

use super::question::{Asked, Question};
use super::store::{Decision, Store};
use crate::model::{Completion, Prompt};

pin_project! {
    /// The future of [`Similar`](super::Similar).
    pub struct ResponseFuture<S>
    where
        S: Service<Prompt>,
    {
        #[pin]
        state: State<S, S::Future>,
        question: Option<Question>,
    }
}

pin_project! {
    #[project = StateProjection]
    enum State<S, F> {
        LookingUp { next: Option<(S, Prompt)>, decision: BoxFuture<'static, Decision> },
        Called { #[pin] future: F },
    }
}

impl<S: Service<Prompt>> ResponseFuture<S> {
    pub(super) const fn call(future: S::Future) -> Self {
        Self { state: State::Called { future }, question: None }
    }

    /// Boxed, because the future of an embedder that is chosen at run time has no name.
    pub(super) fn look_up(inner: S, prompt: Prompt, store: &Arc<Store>, asked: Asked) -> Self {
        let decision = Box::pin(store.clone().decide(asked, prompt.head.deadline));
        Self { state: State::LookingUp { next: Some((inner, prompt)), decision }, question: None }
    }
}

impl<S> Future for ResponseFuture<S>
where
    S: Service<Prompt, Response = Completion, Error = Error>,
{
    type Output = Result<Completion>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        loop {
            match this.state.as_mut().project() {
                StateProjection::LookingUp { next, decision } => {
                    match ready!(decision.as_mut().poll(cx)) {
                        Decision::Answer(answer) => return Poll::Ready(Ok(answer)),
                        Decision::Ask(question) => *this.question = question,
                    }
                    let (mut inner, prompt) = next.take().expect("the look-up is polled once to its end");
                    this.state.set(State::Called { future: inner.call(prompt) });
                }
                StateProjection::Called { future } => {
                    let answer = ready!(future.poll(cx));
                    return Poll::Ready(answer.map(|answer| match this.question.take() {
                        Some(question) => question.watch(answer),
                        None => answer,
                    }));
                }
            }
        }
    }
}

impl<S: Service<Prompt>> fmt::Debug for ResponseFuture<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").field("question", &self.question).finish_non_exhaustive()
    }
}
