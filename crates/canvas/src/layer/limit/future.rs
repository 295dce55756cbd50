use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;

use crate::room::Session;

pin_project! {
    /// The future of [`Limit`](super::Limit).
    #[derive(Debug)]
    pub struct ResponseFuture<F> {
        #[pin]
        inner: F,
        frames_per_second: u32,
        bytes_per_second: u32,
    }
}

impl<F> ResponseFuture<F> {
    pub(crate) const fn new(inner: F, frames_per_second: u32, bytes_per_second: u32) -> Self {
        Self { inner, frames_per_second, bytes_per_second }
    }
}

impl<F, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<Session, E>>,
{
    type Output = Result<Session, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let session = ready!(this.inner.poll(cx))?;
        Poll::Ready(Ok(session.with_pace(*this.frames_per_second, *this.bytes_per_second)))
    }
}
