use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use crate::code::Code;
use crate::model::Error;

pin_project! {
    /// The answer of [`CatchPanic`](super::CatchPanic).
    #[derive(Debug)]
    pub struct ResponseFuture<F> {
        #[pin]
        state: State<F>,
    }
}

pin_project! {
    #[project = StateProjection]
    #[derive(Debug)]
    enum State<F> {
        Running { #[pin] future: F },
        Panicked { err: Option<Error> },
    }
}

impl<F> ResponseFuture<F> {
    pub(super) fn new(called: Result<F, Error>) -> Self {
        let state = match called {
            Ok(future) => State::Running { future },
            Err(err) => State::Panicked { err: Some(err) },
        };
        Self { state }
    }
}

impl<F, T, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<T, E>>,
    E: Into<Error>,
{
    type Output = Result<T, Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.project().state;
        let polled = match state.as_mut().project() {
            StateProjection::Panicked { err } => {
                return Poll::Ready(Err(err.take().unwrap_or(Error::from_code(Code::Panicked))));
            }
            StateProjection::Running { future } => catch_unwind(AssertUnwindSafe(|| future.poll(cx))),
        };
        match polled {
            Ok(poll) => poll.map_err(Into::into),
            Err(payload) => {
                // A future that panicked must not be polled again.
                state.set(State::Panicked { err: None });
                Poll::Ready(Err(super::panicked(payload)))
            }
        }
    }
}
