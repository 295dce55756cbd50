use std::mem;
use std::task::{Context, Poll};

use maily_errors::Error;
use maily_errors::retry::Budget;
use tower_service::Service;

use super::{Policy, ResponseFuture};
use crate::model::{Completion, Prompt};

/// Repeats a prompt until the first byte of its answer.
#[derive(Clone, Debug)]
pub struct Retry<S> {
    inner: S,
    policy: Policy,
    budget: Budget,
}

impl<S> Retry<S> {
    /// Wraps a node.
    pub const fn new(inner: S, policy: Policy, budget: Budget) -> Self {
        Self { inner, policy, budget }
    }
}

impl<S> Service<Prompt> for Retry<S>
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
        self.budget.pay_in();
        let next = self.inner.clone();
        let inner = mem::replace(&mut self.inner, next);
        ResponseFuture::new(inner, prompt, self.policy, self.budget.clone())
    }
}
