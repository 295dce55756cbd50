use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_core::Stream;
use maily_errors::Result;
use pin_project_lite::pin_project;
use tokio::time::{Instant, Sleep, sleep_until};

use super::Limits;
use super::future::too_late;
use crate::body::Body;

pin_project! {
    /// A body that ends with an error when it is silent for too long.
    pub(super) struct Watched {
        body: Option<Body>,
        #[pin]
        sleep: Sleep,
        limits: Limits,
        total: Option<Instant>,
        begun: bool,
        // Whether the timer stands at the limit of the chunk that is waited for.
        armed: bool,
    }
}

impl Watched {
    pub(super) fn new(body: Body, limits: Limits, total: Option<Instant>, first: Instant) -> Self {
        Self { body: Some(body), sleep: sleep_until(first), limits, total, begun: false, armed: true }
    }
}

impl Stream for Watched {
    type Item = Result<Bytes>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut this = self.project();
        let Some(body) = this.body else { return Poll::Ready(None) };
        if let Poll::Ready(item) = Pin::new(body).poll_next(cx) {
            (*this.begun, *this.armed) = (true, false);
            return Poll::Ready(item);
        }
        if !*this.armed {
            // Set when the reader begins to wait, so that a slow reader is not the node's fault; and a
            // chunk that is there already costs no look at the clock.
            let next = Instant::now() + this.limits.between;
            this.sleep.as_mut().reset(this.total.map_or(next, |total| total.min(next)));
            *this.armed = true;
        }
        this.sleep.poll(cx).map(|()| {
            let phase = if *this.begun { "between chunks" } else { "first byte" };
            *this.body = None;
            Some(Err(too_late(phase)))
        })
    }
}
