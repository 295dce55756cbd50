use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use maily_errors::{Code, Error, Public};
use pin_project_lite::pin_project;

pin_project! {
    /// The answer of a [`Limit`](super::Limit).
    #[derive(Debug)]
    pub struct ResponseFuture<F> {
        #[pin]
        inner: Option<F>,
        bytes: usize,
        max_bytes: usize,
    }
}

impl<F> ResponseFuture<F> {
    pub(super) const fn passed(inner: F) -> Self {
        Self { inner: Some(inner), bytes: 0, max_bytes: 0 }
    }

    pub(super) const fn refused(bytes: usize, max_bytes: usize) -> Self {
        Self { inner: None, bytes, max_bytes }
    }
}

impl<F, T, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<T, E>>,
    E: Into<Error>,
{
    type Output = Result<T, Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        match this.inner.as_pin_mut() {
            Some(inner) => inner.poll(cx).map_err(Into::into),
            None => Poll::Ready(Err(Error::new(Code::MailTooLarge, "the message is over its limit")
                .with_operation("limit::call")
                .with_context("bytes", Public(*this.bytes))
                .with_context("limit_bytes", Public(*this.max_bytes)))),
        }
    }
}
