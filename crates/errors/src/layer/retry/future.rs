use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use pin_project_lite::pin_project;
use tokio::time::{Instant, Sleep, sleep};
use tower_service::Service;

use super::service::Means;
use crate::model::Error;
use crate::retry::{Decision, Reason, decide};

pin_project! {
    /// The answer of [`Retry`](super::Retry).
    pub struct ResponseFuture<S, Req>
    where
        S: Service<Req>,
    {
        inner: S,
        req: Req,
        idempotent: bool,
        deadline: Option<Instant>,
        means: Means,
        attempt: u32,
        #[pin]
        state: State<S::Future>,
    }
}

pin_project! {
    #[project = StateProjection]
    enum State<F> {
        Called { #[pin] future: F },
        Waiting { #[pin] sleep: Sleep },
        Ready,
    }
}

impl<S: Service<Req>, Req: Clone> ResponseFuture<S, Req> {
    pub(super) fn new(
        mut inner: S,
        req: Req,
        idempotent: bool,
        deadline: Option<Instant>,
        means: Means,
    ) -> Self {
        let state = State::Called { future: inner.call(req.clone()) };
        Self { inner, req, idempotent, deadline, means, attempt: 0, state }
    }
}

impl<S, Req> Future for ResponseFuture<S, Req>
where
    S: Service<Req>,
    S::Error: Into<Error>,
    Req: Clone,
{
    type Output = Result<S::Response, Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        loop {
            let failed: Error = match this.state.as_mut().project() {
                StateProjection::Called { future } => match ready!(future.poll(cx)) {
                    Ok(answer) => return Poll::Ready(Ok(answer)),
                    Err(err) => err.into(),
                },
                StateProjection::Waiting { sleep } => {
                    ready!(sleep.poll(cx));
                    this.state.set(State::Ready);
                    continue;
                }
                StateProjection::Ready => match ready!(this.inner.poll_ready(cx)) {
                    Ok(()) => {
                        let future = this.inner.call(this.req.clone());
                        this.state.set(State::Called { future });
                        continue;
                    }
                    Err(err) => err.into(),
                },
            };
            match again(&failed, *this.idempotent, *this.attempt, *this.deadline, this.means) {
                Ok(delay) => {
                    *this.attempt += 1;
                    let (attempt, code) = (*this.attempt, failed.code().name());
                    tracing::debug!(attempt, code, delay_ms = delay.as_millis(), "repeats the request");
                    this.state.set(State::Waiting { sleep: sleep(delay) });
                }
                // Nothing was spent, so whoever knows more about the request, or has more time, may repeat it.
                Err(Reason::NotIdempotent | Reason::TooLong) if *this.attempt == 0 => {
                    return Poll::Ready(Err(failed));
                }
                Err(_) => return Poll::Ready(Err(failed.into_persistent())),
            }
        }
    }
}

impl<S: Service<Req>, Req> fmt::Debug for ResponseFuture<S, Req> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").field("attempt", &self.attempt).finish_non_exhaustive()
    }
}

/// Asks the decision, then the clock, then the budget, which must not pay for what is not done.
fn again(
    err: &Error,
    idempotent: bool,
    attempt: u32,
    deadline: Option<Instant>,
    means: &Means,
) -> Result<Duration, Reason> {
    let delay = match decide(err, idempotent, attempt, &means.policy, means.random.next()) {
        Decision::Retry(delay) => delay,
        Decision::Stop(reason) => return Err(reason),
    };
    let in_time = deadline.is_none_or(|deadline| Instant::now() + delay < deadline);
    if in_time && means.budget.take() { Ok(delay) } else { Err(Reason::Spent) }
}
