use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use maily_errors::retry::{self, Decision};
use maily_errors::{Code, Error, Result};
use pin_project_lite::pin_project;
use tokio::time::{Instant, Sleep, sleep};
use tower_service::Service;

use super::{Budget, Policy};
use crate::model::{Completion, Prompt};

pin_project! {
    /// The future of [`Retry`](super::Retry).
    pub struct ResponseFuture<S>
    where
        S: Service<Prompt>,
    {
        inner: S,
        prompt: Prompt,
        policy: Policy,
        budget: Budget,
        attempt: u32,
        // What the attempt before failed with.
        before: Option<Error>,
        #[pin]
        state: State<S::Future>,
    }
}

pin_project! {
    #[project = StateProjection]
    enum State<F> {
        Called { #[pin] future: F },
        Beginning { answer: Option<Completion> },
        Waiting { #[pin] sleep: Sleep },
        Ready,
    }
}

impl<S> ResponseFuture<S>
where
    S: Service<Prompt, Response = Completion, Error = Error>,
{
    pub(super) fn new(mut inner: S, prompt: Prompt, policy: Policy, budget: Budget) -> Self {
        let state = State::Called { future: inner.call(prompt.clone()) };
        Self { inner, prompt, policy, budget, attempt: 1, before: None, state }
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
            let failed = match this.state.as_mut().project() {
                StateProjection::Called { future } => match ready!(future.poll(cx)) {
                    Ok(answer) => {
                        this.state.set(State::Beginning { answer: Some(answer) });
                        continue;
                    }
                    Err(err) => err,
                },
                StateProjection::Beginning { answer } => {
                    let Completion { head, body } = answer.as_mut().expect("polled after it was ready");
                    match ready!(body.poll_begin(head.streamed, cx)) {
                        Ok(()) => {
                            this.budget.pay_in(Budget::cost(&this.prompt.head));
                            return Poll::Ready(Ok(answer.take().expect("just looked at")));
                        }
                        Err(err) => err,
                    }
                }
                StateProjection::Waiting { sleep } => {
                    ready!(sleep.poll(cx));
                    this.state.set(State::Ready);
                    continue;
                }
                StateProjection::Ready => match ready!(this.inner.poll_ready(cx)) {
                    Ok(()) => {
                        *this.attempt += 1;
                        let future = this.inner.call(this.prompt.clone());
                        this.state.set(State::Called { future });
                        continue;
                    }
                    Err(err) => err,
                },
            };
            let no_other = this.before.is_some() || this.prompt.head.course.tried.is_forbidden();
            let alone = failed.code() == Code::NoNode && no_other;
            match wait(&failed, *this.attempt, this.policy, this.prompt.head.deadline) {
                Some(delay) if !alone && this.budget.take(Budget::cost(&this.prompt.head)) => {
                    tracing::debug!(
                        attempt = *this.attempt,
                        code = failed.code().name(),
                        "repeats the prompt"
                    );
                    metrics::counter!("maily_mesh_retries_total").increment(1);
                    *this.before = Some(failed);
                    this.state.set(State::Waiting { sleep: sleep(delay) });
                }
                _ => {
                    // That there is no other node says less than why it was wanted.
                    let before = this.before.take().filter(|_| alone);
                    return Poll::Ready(Err(before.unwrap_or(failed).into_persistent()));
                }
            }
        }
    }
}

impl<S: Service<Prompt>> fmt::Debug for ResponseFuture<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").field("attempt", &self.attempt).finish_non_exhaustive()
    }
}

/// How long to wait before the next attempt; `None` for no attempt.
fn wait(err: &Error, attempt: u32, policy: &Policy, deadline: Option<Instant>) -> Option<Duration> {
    let max_delay_ms = u64::try_from(policy.max_wait.as_millis()).unwrap_or(u64::MAX);
    let bounds = retry::Policy::default()
        .with_max_retries(policy.attempts.saturating_sub(1))
        .with_max_delay_ms(max_delay_ms);
    match retry::decide(err, true, attempt - 1, &bounds, rand::random()) {
        Decision::Retry(delay) if deadline.is_none_or(|deadline| Instant::now() + delay < deadline) => {
            Some(delay)
        }
        Decision::Retry(_) | Decision::Stop(_) => None,
    }
}
