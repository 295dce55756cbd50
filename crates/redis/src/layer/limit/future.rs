use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use maily_errors::{Error, Result};
use pin_project_lite::pin_project;
use tower_service::Service;

use crate::limit::Decision;

/// Boxed: the future of a store's method has no name.
type Asked = Pin<Box<dyn Future<Output = Result<Decision>> + Send>>;

pin_project! {
    /// The answer of [`Limit`](super::Limit).
    pub struct ResponseFuture<I: Service<Req>, Req> {
        #[pin]
        state: State<I, Req, I::Future>,
    }
}

pin_project! {
    #[project = StateProjection]
    enum State<I, Req, F> {
        Asking { asked: Asked, inner: I, request: Option<Req> },
        Calling { #[pin] call: F },
    }
}

impl<I: Service<Req>, Req> ResponseFuture<I, Req> {
    pub(super) const fn ask(asked: Asked, inner: I, request: Req) -> Self {
        Self { state: State::Asking { asked, inner, request: Some(request) } }
    }

    pub(super) const fn call(call: I::Future) -> Self {
        Self { state: State::Calling { call } }
    }
}

impl<I, Req> Future for ResponseFuture<I, Req>
where
    I: Service<Req>,
    I::Error: Into<Error>,
{
    type Output = Result<I::Response>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.project().state;
        loop {
            let call = match state.as_mut().project() {
                StateProjection::Calling { call } => return call.poll(cx).map_err(Into::into),
                StateProjection::Asking { asked, inner, request } => {
                    ready!(asked.as_mut().poll(cx))?;
                    inner.call(request.take().expect("taken only here, and then the state changes"))
                }
            };
            state.set(State::Calling { call });
        }
    }
}

impl<I: Service<Req>, Req> fmt::Debug for ResponseFuture<I, Req> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
