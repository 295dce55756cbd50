use std::mem;
use std::task::{Context, Poll};

use maily_errors::Error;
use tower_service::Service;

use super::ResponseFuture;
use super::gate::{Entry, Gate};
use crate::model::{Completion, Prompt};

/// Refuses what it cannot answer in time.
#[derive(Clone, Debug)]
pub struct Shed<S> {
    inner: S,
    gate: Gate,
}

impl<S> Shed<S> {
    pub(super) const fn new(inner: S, gate: Gate) -> Self {
        Self { inner, gate }
    }
}

impl<S> Service<Prompt> for Shed<S>
where
    S: Service<Prompt, Response = Completion, Error = Error> + Clone,
{
    type Response = Completion;
    type Error = Error;
    type Future = ResponseFuture<S>;

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, prompt: Prompt) -> Self::Future {
        match self.gate.enter(prompt.head.priority) {
            Ok(Entry::Enter(place)) => ResponseFuture::called(self.inner.call(prompt), place),
            Ok(Entry::Wait(turn)) => {
                let next = self.inner.clone();
                let inner = mem::replace(&mut self.inner, next);
                ResponseFuture::waiting(inner, prompt, turn, self.gate.clone())
            }
            Err(err) => ResponseFuture::refused(err),
        }
    }
}
