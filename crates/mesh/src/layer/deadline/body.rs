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
        // What came of an event that is not whole, until the answer has begun: it may come in pieces.
        half: Vec<u8>,
        begun: bool,
        // Whether `wait` is about the chunk that is waited for.
        armed: bool,
        // How many chunks were there at once since the clock was looked at.
        unwatched: u8,
    }
}

impl Watched {
    pub(super) fn new(body: Body, wait: Wait, between: Option<Duration>, total: Option<Instant>) -> Self {
        let sleep = sleep_until(wait.until);
        let (half, begun, armed, unwatched) = (Vec::new(), false, true, 0);
        Self { body: Some(body), sleep, wait, between, total, half, begun, armed, unwatched }
    }
}

/// Whether a stream says something with this piece of it; keeps what is not a whole event yet.
fn begins(half: &mut Vec<u8>, piece: &[u8]) -> bool {
    if half.is_empty() && piece.ends_with(b"\n\n") {
        return wire::says_something(piece);
    }
    half.extend_from_slice(piece);
    let begins = wire::says_something(half) || half.len() > Body::MAX_HELD_BYTES;
    half.drain(..if begins { half.len() } else { wire::whole_events(half) });
    begins
}

impl Stream for Watched {
    type Item = Result<Bytes>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut this = self.project();
        let Some(body) = this.body else { return Poll::Ready(None) };
        if let Poll::Ready(item) = Pin::new(body).poll_next(cx) {
            if let (Some(Ok(chunk)), Some(_)) = (&item, *this.between) {
                *this.begun = *this.begun || begins(this.half, chunk);
                let counts = *this.begun && !wire::only_keeps_alive(chunk);
                *this.armed = *this.armed && !counts;
            }
            // A node that is always faster than its reader is never waited for.
            *this.unwatched = (*this.unwatched + 1) % UNWATCHED;
            if *this.unwatched == 0 && this.total.is_some_and(|total| total <= Instant::now()) {
                *this.body = None;
                return Poll::Ready(Some(Err(Wait::new("total", Instant::now(), *this.total).error())));
            }
            return Poll::Ready(item);
        }
        *this.unwatched = 0;
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
                let err = this.wait.error();
                if let Some(body) = this.body.take().filter(|_| !this.wait.is_total()) {
                    body.fail(&err);
                }
                return Poll::Ready(Some(Err(err)));
            }
            this.sleep.as_mut().reset(this.wait.until);
        }
    }
}

/// The end of all attempts is looked for once in so many chunks that were there at once.
const UNWATCHED: u8 = 32;
