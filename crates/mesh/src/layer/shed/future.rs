use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use maily_errors::{Code, Error, Result};
use pin_project_lite::pin_project;
use tokio::sync::oneshot;
use tokio::time::{Instant, Sleep, sleep_until};
use tower_service::Service;

use super::gate::{Gate, Place};
use crate::body::Watch;
use crate::model::{Completion, Prompt};

pin_project! {
    /// The future of [`Shed`](super::Shed). Dropping it leaves the line, or the place.
    pub struct ResponseFuture<S>
    where
        S: Service<Prompt>,
    {
        #[pin]
        state: State<S, S::Future>,
    }
}

pin_project! {
    #[project = StateProjection]
    enum State<S, F> {
        Called { #[pin] inner: F, place: Option<Place> },
        // In a box: few wait, and those who do not shall not carry the room for it.
        Waiting { waiting: Pin<Box<Waiting<S>>> },
        Refused { err: Option<Error> },
    }
}

pin_project! {
    struct Waiting<S> {
        inner: S,
        prompt: Option<Prompt>,
        turn: oneshot::Receiver<Place>,
        gate: Gate,
        #[pin]
        sleep: Sleep,
    }
}

impl<S: Service<Prompt>> ResponseFuture<S> {
    pub(super) const fn called(inner: S::Future, place: Place) -> Self {
        Self { state: State::Called { inner, place: Some(place) } }
    }

    pub(super) fn waiting(inner: S, prompt: Prompt, turn: oneshot::Receiver<Place>, gate: Gate) -> Self {
        let patience = Instant::now() + gate.queue();
        let sleep = sleep_until(prompt.head.deadline.map_or(patience, |deadline| deadline.min(patience)));
        Self {
            state: State::Waiting {
                waiting: Box::pin(Waiting { inner, prompt: Some(prompt), turn, gate, sleep }),
            },
        }
    }

    pub(super) const fn refused(err: Error) -> Self {
        Self { state: State::Refused { err: Some(err) } }
    }
}

impl<S> Future for ResponseFuture<S>
where
    S: Service<Prompt, Response = Completion, Error = Error>,
{
    type Output = Result<Completion>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.project().state;
        loop {
            let called = match state.as_mut().project() {
                StateProjection::Called { inner, place } => {
                    let answer = ready!(inner.poll(cx));
                    let place = place.take().expect("polled after it was ready");
                    return Poll::Ready(match answer {
                        Ok(Completion { head, body }) => {
                            Ok(Completion { head, body: body.watched(Under { place, begun: false }) })
                        }
                        Err(err) => {
                            place.failed(&err);
                            Err(err)
                        }
                    });
                }
                StateProjection::Waiting { waiting } => match ready!(waiting.as_mut().poll_turn(cx)) {
                    Ok(place) => {
                        let waiting = waiting.as_mut().project();
                        let prompt = waiting.prompt.take().expect("its turn comes once");
                        State::Called { inner: waiting.inner.call(prompt), place: Some(place) }
                    }
                    Err(err) => return Poll::Ready(Err(err)),
                },
                StateProjection::Refused { err } => {
                    return Poll::Ready(Err(err.take().expect("polled after it was ready")));
                }
            };
            state.set(called);
        }
    }
}

impl<S> Waiting<S>
where
    S: Service<Prompt, Error = Error>,
{
    /// Waits for the turn, and then for the service to be ready.
    fn poll_turn(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<Place>> {
        let this = self.project();
        // First, so that a place is not taken before it can be used.
        ready!(this.inner.poll_ready(cx))?;
        match Pin::new(this.turn).poll(cx) {
            Poll::Ready(Ok(mut place)) => {
                place.begin();
                Poll::Ready(Ok(place))
            }
            // Somebody more important took its place in line.
            Poll::Ready(Err(_)) => Poll::Ready(Err(this.gate.overloaded())),
            Poll::Pending => this.sleep.poll(cx).map(|()| {
                let deadline = this.prompt.as_ref().and_then(|prompt| prompt.head.deadline);
                if deadline.is_some_and(|deadline| deadline <= Instant::now()) {
                    return Err(Error::new(Code::Timeout, "the prompt's time was over before its turn came")
                        .with_operation("mesh::shed"));
                }
                Err(this.gate.overloaded())
            }),
        }
    }
}

impl<S: Service<Prompt>> fmt::Debug for ResponseFuture<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}

/// A prompt under way, to the end of its answer.
struct Under {
    place: Place,
    begun: bool,
}

impl Watch for Under {
    fn chunk(&mut self, _: &Bytes) {
        if !std::mem::replace(&mut self.begun, true) {
            self.place.answered();
        }
    }

    fn end(&mut self, error: Option<&Error>) {
        if let Some(err) = error {
            self.place.failed(err);
        }
    }
}
