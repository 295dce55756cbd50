use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use futures_core::Stream;
use maily_errors::Result;
use pin_project_lite::pin_project;
use tokio::time::{Instant, Sleep, sleep_until};

use super::phase::Wait;
use crate::body::Body;
use crate::wire;

pin_project! {
    /// A body that ends with an error when it is silent for too long.
    pub(super) struct Watched {
        body: Option<Body>,
        #[pin]
        sleep: Sleep,
        wait: Wait,
        // None for an answer in one piece, which has no tokens to wait for.
        between: Option<Duration>,
        total: Option<Instant>,
        begun: bool,
        // Whether `wait` is about the chunk that is waited for.
        armed: bool,
    }
}

impl Watched {
    pub(super) fn new(body: Body, wait: Wait, between: Option<Duration>, total: Option<Instant>) -> Self {
        let sleep = sleep_until(wait.until);
        Self { body: Some(body), sleep, wait, between, total, begun: false, armed: true }
    }
}

impl Stream for Watched {
    type Item = Result<Bytes>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut this = self.project();
        let Some(body) = this.body else { return Poll::Ready(None) };
        if let Poll::Ready(item) = Pin::new(body).poll_next(cx) {
            if let (Some(Ok(chunk)), Some(_)) = (&item, *this.between) {
                *this.begun = *this.begun || wire::says_something(chunk);
                let counts = *this.begun && !wire::only_keeps_alive(chunk);
                *this.armed = *this.armed && !counts;
            }
            return Poll::Ready(item);
        }
        if let (false, Some(between)) = (*this.armed, *this.between) {
            // Set when the reader begins to wait, so that a slow reader is not the node's fault; and a
            // chunk that is there already costs no look at the clock.
            *this.wait = Wait::new("between tokens", Instant::now() + between, *this.total);
            *this.armed = true;
            if this.wait.until < this.sleep.deadline() {
                this.sleep.as_mut().reset(this.wait.until);
            }
        }
        // The timer mostly stands at an earlier limit that was met; moving it for each token costs more.
        loop {
            ready!(this.sleep.as_mut().poll(cx));
            if this.wait.until <= this.sleep.deadline() {
                *this.body = None;
                return Poll::Ready(Some(Err(this.wait.error())));
            }
            this.sleep.as_mut().reset(this.wait.until);
        }
    }
}
