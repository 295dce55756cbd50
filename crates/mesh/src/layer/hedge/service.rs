use std::mem;
use std::task::{Context, Poll};

use maily_errors::Error;
use tower_service::Service;

use super::quantile::{Class, Quantiles};
use super::{Patience, ResponseFuture};
use crate::layer::retry::Budget;
use crate::model::{Completion, Prompt};

/// Asks a second node when the first one is slow to begin.
#[derive(Clone, Debug)]
pub struct Hedge<S> {
    inner: S,
    patience: Option<Patience>,
    quantiles: Quantiles,
    budget: Budget,
}

impl<S> Hedge<S> {
    pub(super) const fn new(
        inner: S,
        patience: Option<Patience>,
        quantiles: Quantiles,
        budget: Budget,
    ) -> Self {
        Self { inner, patience, quantiles, budget }
    }
}

impl<S> Service<Prompt> for Hedge<S>
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
        let Some(patience) = self.patience else {
            return ResponseFuture::passing(self.inner.call(prompt));
        };
        prompt.head.course.tried.track();
        let times = self.quantiles.of(Class::of(&prompt.head));
        let wait = times.p95().map_or(patience.unknown, |usual| usual.max(patience.least));
        let next = self.inner.clone();
        let mut inner = mem::replace(&mut self.inner, next);
        let first = inner.call(prompt.clone());
        ResponseFuture::hedging(first, inner, prompt, wait, times, self.budget.clone())
    }
}
