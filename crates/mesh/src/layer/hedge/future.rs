use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use maily_errors::{Code, Error, Result};
use pin_project_lite::pin_project;
use tokio::time::{Instant, Sleep, sleep_until};
use tower::util::Oneshot;
use tower_service::Service;

use super::arm::Arm;
use super::quantile::Times;
use crate::layer::retry::Budget;
use crate::model::{Completion, Prompt, Tried};

pin_project! {
    /// The future of [`Hedge`](super::Hedge). Dropping it cancels both attempts.
    pub struct ResponseFuture<S>
    where
        S: Service<Prompt>,
    {
        // Boxed, because the layers around would hand it from one to the next.
        #[pin]
        first: Arm<Pin<Box<S::Future>>>,
        // Boxed, because there seldom is one, and every prompt would carry the space for it.
        #[pin]
        second: Arm<Pin<Box<Oneshot<S, Prompt>>>>,
        #[pin]
        sleep: Option<Sleep>,
        // Taken when the second attempt begins; none from the start when there will not be any.
        hedge: Option<Plan<S>>,
        course: Option<Race>,
        failed: Option<Error>,
    }
}

/// What the second attempt needs.
struct Plan<S> {
    inner: S,
    prompt: Prompt,
    until: Instant,
}

/// What is noted of both attempts.
struct Race {
    tried: Tried,
    times: Arc<Times>,
    budget: Budget,
    cost: u32,
    start: Instant,
    second: Option<Instant>,
}

impl<S> ResponseFuture<S>
where
    S: Service<Prompt, Response = Completion, Error = Error>,
{
    pub(super) fn passing(first: S::Future) -> Self {
        let first = Arm::Called { future: Box::pin(first) };
        Self { first, second: Arm::Gone, sleep: None, hedge: None, course: None, failed: None }
    }

    pub(super) fn hedging(
        first: S::Future,
        inner: S,
        prompt: Prompt,
        wait: Duration,
        times: Arc<Times>,
        budget: Budget,
    ) -> Self {
        let start = Instant::now();
        let cost = Budget::cost(&prompt.head);
        let tried = prompt.head.course.tried.clone();
        let plan = Plan { inner, prompt, until: start + wait };
        let race = Race { tried, times, budget, cost, start, second: None };
        Self { hedge: Some(plan), course: Some(race), ..Self::passing(first) }
    }
}

impl<S> Future for ResponseFuture<S>
where
    S: Service<Prompt, Response = Completion, Error = Error>,
{
    type Output = Result<Completion>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        loop {
            match this.first.as_mut().poll(cx) {
                Poll::Ready(Ok(answer)) => {
                    this.second.set(Arm::Gone);
                    if let Some(race) = this.course {
                        race.times.observe(race.start.elapsed());
                    }
                    return Poll::Ready(Ok(answer));
                }
                // What the first one failed with counts, unless the second one answers.
                Poll::Ready(Err(err)) if this.second.is_gone() => return Poll::Ready(Err(err)),
                Poll::Ready(Err(err)) => {
                    *this.failed = Some(err);
                    this.course.iter().for_each(Race::is_over);
                }
                Poll::Pending => {}
            }
            match this.second.as_mut().poll(cx) {
                Poll::Ready(Ok(answer)) => {
                    this.first.set(Arm::Gone);
                    if let Some(race) = this.course {
                        race.won();
                    }
                    return Poll::Ready(Ok(answer));
                }
                Poll::Ready(Err(err)) => {
                    if let (Some(race), Code::NoNode) = (this.course.as_ref(), err.code()) {
                        race.budget.give_back(race.cost);
                    }
                    if let Some(first) = this.failed.take() {
                        return Poll::Ready(Err(first));
                    }
                    this.course.iter().for_each(Race::is_over);
                }
                Poll::Pending => {}
            }
            // An answer that comes at once never sets a timer.
            let Some(plan) = this.hedge.as_ref() else { return Poll::Pending };
            if this.sleep.is_none() {
                this.sleep.set(Some(sleep_until(plan.until)));
            }
            if let Some(sleep) = this.sleep.as_mut().as_pin_mut() {
                ready!(sleep.poll(cx));
            }
            let (Some(plan), Some(race)) = (this.hedge.take(), this.course.as_mut()) else {
                return Poll::Pending;
            };
            if race.budget.take(race.cost) {
                race.second = Some(Instant::now());
                this.second.set(Arm::Called { future: plan.begin() });
            }
        }
    }
}

impl<S: Service<Prompt>> Plan<S> {
    fn begin(self) -> Pin<Box<Oneshot<S, Prompt>>> {
        metrics::counter!("maily_mesh_hedges_total").increment(1);
        tracing::debug!("asks a second node");
        let Self { inner, mut prompt, .. } = self;
        // While there are two, neither may go where the other one is.
        prompt.head.course.tried.forbid(true);
        prompt.head.course.extra = true;
        Box::pin(Oneshot::new(inner, prompt))
    }
}

impl Race {
    /// One of the two has failed: the other one may go anywhere.
    fn is_over(&self) {
        self.tried.forbid(false);
    }

    /// The second one began first: the first one takes at least as long as it has taken.
    fn won(&self) {
        self.times.observe(self.start.elapsed());
        if let Some(second) = self.second {
            self.times.observe(second.elapsed());
        }
    }
}

impl<S: Service<Prompt>> fmt::Debug for ResponseFuture<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").field("hedged", &self.hedge.is_none()).finish_non_exhaustive()
    }
}
