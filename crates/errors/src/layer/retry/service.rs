use std::mem;
use std::task::{Context, Poll};

use tower_service::Service;

use super::classify::Classify;
use super::future::ResponseFuture;
use super::layer::Random;
use crate::model::Error;
use crate::retry::{Budget, Policy};

/// A service whose requests are repeated.
#[derive(Clone, Debug)]
pub struct Retry<S, C> {
    inner: S,
    classify: C,
    means: Means,
}

/// What the repetitions of a request are decided with.
#[derive(Clone, Debug)]
pub(super) struct Means {
    pub(super) policy: Policy,
    pub(super) budget: Budget,
    pub(super) random: Random,
}

impl<S, C> Retry<S, C> {
    pub(super) const fn new(inner: S, policy: Policy, budget: Budget, classify: C, random: Random) -> Self {
        Self { inner, classify, means: Means { policy, budget, random } }
    }
}

impl<S, C, Req> Service<Req> for Retry<S, C>
where
    S: Service<Req> + Clone,
    S::Error: Into<Error>,
    C: Classify<Req>,
    Req: Clone,
{
    type Response = S::Response;
    type Error = Error;
    type Future = ResponseFuture<S, Req>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, req: Req) -> Self::Future {
        self.means.budget.pay_in();
        let idempotent = self.classify.is_idempotent(&req);
        let deadline = self.classify.deadline(&req);
        let next = self.inner.clone();
        let inner = mem::replace(&mut self.inner, next);
        ResponseFuture::new(inner, req, idempotent, deadline, self.means.clone())
    }
}
