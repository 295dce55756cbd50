use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use maily_errors::Result;
use pin_project_lite::pin_project;

use super::body::Numbered;
use super::kept::Kept;
use crate::body::Body;
use crate::model::{Completion, Retold};

pin_project! {
    /// The future of [`Replay`](super::Replay).
    pub struct ResponseFuture<F> {
        #[pin]
        state: State<F>,
        // What numbers the events, if the prompt asks for it.
        numbered: Option<Numbers>,
        retold: Retold,
    }
}

/// What numbers the events of a stream.
pub(super) enum Numbers {
    /// They are kept in this process.
    Here(Numbered),
    /// They are kept where every instance finds them.
    Shared(Box<Kept>),
}

impl Numbers {
    pub(super) fn around(self, body: Body) -> Body {
        match self {
            Self::Here(numbered) => Body::stream(numbered.with_body(body)),
            Self::Shared(kept) => Body::stream(kept.with_body(body)),
        }
    }
}

/// A reader who comes back to a stream of any instance: boxed, for it is rare.
type Returning = Pin<Box<dyn Future<Output = Result<Completion>> + Send>>;

pin_project! {
    #[project = StateProjection]
    enum State<F> {
        Called { #[pin] future: F },
        Ready { answer: Option<Result<Completion>> },
        Returning { future: Returning },
    }
}

impl<F> ResponseFuture<F> {
    pub(super) const fn passing(future: F, numbered: Option<Numbers>) -> Self {
        Self { state: State::Called { future }, numbered, retold: Retold::NONE }
    }

    /// Says what the reader was told before it came back.
    pub(super) const fn with_retold(mut self, retold: Retold) -> Self {
        self.retold = retold;
        self
    }

    pub(super) const fn returning(future: Returning) -> Self {
        Self { state: State::Returning { future }, numbered: None, retold: Retold::NONE }
    }

    pub(super) const fn ready(answer: Result<Completion>) -> Self {
        Self { state: State::Ready { answer: Some(answer) }, numbered: None, retold: Retold::NONE }
    }
}

impl<F: Future<Output = Result<Completion>>> Future for ResponseFuture<F> {
    type Output = Result<Completion>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let answer = match this.state.project() {
            StateProjection::Called { future } => ready!(future.poll(cx)),
            StateProjection::Returning { future } => ready!(future.as_mut().poll(cx)),
            StateProjection::Ready { answer } => answer.take().expect("polled after it was ready"),
        };
        Poll::Ready(answer.map(|Completion { mut head, body }| match this.numbered.take() {
            Some(numbered) if head.streamed => {
                head.retold = *this.retold;
                Completion { head, body: numbered.around(body) }
            }
            _ => Completion { head, body },
        }))
    }
}

impl<F> fmt::Debug for ResponseFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
