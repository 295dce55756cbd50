use std::mem;
use std::ops::ControlFlow;
use std::task::{Context, Poll};

use maily_errors::Error;
use tower_service::Service;

use super::body::Resumed;
use super::{ResponseFuture, Rules};
use crate::layer::retry::Budget;
use crate::model::{Completion, Prompt};

/// Continues a stream that breaks off, at another node.
#[derive(Clone, Debug)]
pub struct Resume<S> {
    inner: S,
    rules: Rules,
    budget: Budget,
}

impl<S> Resume<S> {
    pub(super) const fn new(inner: S, rules: Rules, budget: Budget) -> Self {
        Self { inner, rules, budget }
    }
}

impl<S> Service<Prompt> for Resume<S>
where
    S: Service<Prompt, Response = Completion, Error = Error> + Clone + Send + 'static,
    S::Future: Send + 'static,
{
    type Response = Completion;
    type Error = Error;
    type Future = ResponseFuture<S>;

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, prompt: Prompt) -> Self::Future {
        if !prompt.head.stream {
            return ResponseFuture::passing(self.inner.call(prompt));
        }
        let next = self.inner.clone();
        let mut inner = mem::replace(&mut self.inner, next);
        let mut rest = Resumed::new(inner.clone(), prompt.clone(), self.rules, self.budget.clone());
        if prompt.head.course.told.is_none() {
            return ResponseFuture::streaming(inner.call(prompt), rest);
        }
        match rest.go_on() {
            Ok(ControlFlow::Continue(prompt)) => ResponseFuture::streaming(inner.call(prompt), rest),
            Ok(ControlFlow::Break(answer)) => ResponseFuture::ready(Ok(answer)),
            Err(err) => ResponseFuture::ready(Err(err)),
        }
    }
}
