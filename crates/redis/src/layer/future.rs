use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use maily_errors::{Error, Result};
use pin_project_lite::pin_project;

/// Boxed: the futures of a store's methods have no names.
type Boxed<T> = Pin<Box<dyn Future<Output = Result<T>> + Send>>;

pin_project! {
    /// The answer of a layer that lets a request pass, or takes it through a store.
    ///
    /// What dropping it means stands with the layer.
    pub struct ResponseFuture<F, T> {
        #[pin]
        state: State<F, T>,
    }
}

pin_project! {
    #[project = StateProjection]
    enum State<F, T> {
        Call { #[pin] call: F },
        Stored { answer: Boxed<T> },
    }
}

impl<F, T> ResponseFuture<F, T> {
    pub(super) const fn call(call: F) -> Self {
        Self { state: State::Call { call } }
    }

    pub(super) const fn stored(answer: Boxed<T>) -> Self {
        Self { state: State::Stored { answer } }
    }
}

impl<F, T, E> Future for ResponseFuture<F, T>
where
    F: Future<Output = Result<T, E>>,
    E: Into<Error>,
{
    type Output = Result<T>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().state.project() {
            StateProjection::Call { call } => call.poll(cx).map_err(Into::into),
            StateProjection::Stored { answer } => answer.as_mut().poll(cx),
        }
    }
}

impl<F, T> fmt::Debug for ResponseFuture<F, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
