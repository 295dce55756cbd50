use std::mem;
use std::task::{Context, Poll};

use maily_errors::Error;
use tower_service::Service;

use super::{Budget, Policy, ResponseFuture};
use crate::model::{Completion, Prompt};

/// Repeats a prompt until its answer begins.
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

    fn call(&mut self, mut prompt: Prompt) -> Self::Future {
        prompt.head.course.tried.track();
        if !prompt.head.course.extra {
            self.budget.pay_in(Budget::cost(&prompt.head));
        }
        let next = self.inner.clone();
        let inner = mem::replace(&mut self.inner, next);
        ResponseFuture::new(inner, prompt, self.policy, self.budget.clone())
    }
}
