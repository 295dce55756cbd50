use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use maily_errors::{Error, Result};
use pin_project_lite::pin_project;

use crate::model::{Completion, Format, PromptHead};
use crate::wire;

pin_project! {
    /// The future of [`Translate`](super::Translate).
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
        Failed { err: Option<Error> },
        // `asked` is what the client wrote, if it was said again in the node's `format`.
        Asking { #[pin] inner: F, format: Format, asked: Option<Box<PromptHead>> },
    }
}

impl<F> ResponseFuture<F> {
    pub(super) const fn native(inner: F, format: Format) -> Self {
        Self { state: State::Asking { inner, format, asked: None } }
    }

    pub(super) fn translated(inner: F, format: Format, asked: Box<PromptHead>) -> Self {
        Self { state: State::Asking { inner, format, asked: Some(asked) } }
    }

    pub(super) const fn failed(err: Error) -> Self {
        Self { state: State::Failed { err: Some(err) } }
    }
}

impl<F> Future for ResponseFuture<F>
where
    F: Future<Output = Result<Completion>>,
{
    type Output = Result<Completion>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let (inner, format, asked) = match self.project().state.project() {
            StateProjection::Failed { err } => {
                return Poll::Ready(Err(err.take().expect("polled after it was ready")));
            }
            StateProjection::Asking { inner, format, asked } => (inner, format, asked),
        };
        let answer = ready!(inner.poll(cx))?.with_format(*format);
        let Some(asked) = asked else { return Poll::Ready(Ok(answer)) };
        let head = answer.head.clone();
        let mut translated = wire::answer(asked, answer.into_deltas());
        let (format, streamed) = (translated.head.format, translated.head.streamed);
        translated.head = head;
        (translated.head.format, translated.head.streamed) = (format, streamed);
        Poll::Ready(Ok(translated))
    }
}
