use std::task::{Context, Poll};

use maily_errors::Error;
use tower_service::Service;

use super::{Limits, ResponseFuture};
use crate::model::{Completion, Prompt};

/// Leaves a node that is silent for too long.
#[derive(Clone, Debug)]
pub struct Deadline<S> {
    inner: S,
    limits: Limits,
}

impl<S> Deadline<S> {
    /// Wraps a node.
    pub const fn new(inner: S, limits: Limits) -> Self {
        Self { inner, limits }
    }
}

impl<S> Service<Prompt> for Deadline<S>
where
    S: Service<Prompt, Response = Completion, Error = Error>,
{
    type Response = Completion;
    type Error = Error;
    type Future = ResponseFuture<S::Future>;

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, prompt: Prompt) -> Self::Future {
        let (streamed, total) = (prompt.head.stream, prompt.head.deadline);
        ResponseFuture::new(self.inner.call(prompt), self.limits, streamed, total)
    }
}
