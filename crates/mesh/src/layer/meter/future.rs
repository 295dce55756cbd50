use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use maily_errors::{Error, Result};
use pin_project_lite::pin_project;
use tokio::time::Instant;

use super::instruments::{Instruments, OfModel};
use crate::body::Watch;
use crate::model::{Completion, ModelName};

pin_project! {
    /// The future of [`Meter`](super::Meter).
    #[derive(Debug)]
    pub struct ResponseFuture<F> {
        #[pin]
        inner: F,
        model: ModelName,
        instruments: Instruments,
        start: Instant,
    }
}

impl<F> ResponseFuture<F> {
    pub(super) fn new(inner: F, model: ModelName, instruments: Instruments) -> Self {
        Self { inner, model, instruments, start: Instant::now() }
    }
}

impl<F> Future for ResponseFuture<F>
where
    F: Future<Output = Result<Completion>>,
{
    type Output = Result<Completion>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        Poll::Ready(match ready!(this.inner.poll(cx)) {
            Ok(Completion { head, body }) => {
                let of = this.instruments.of(this.model);
                let watch = MeterWatch { of, start: *this.start, last: None, ended: false };
                Ok(Completion { head, body: body.watched(watch) })
            }
            Err(err) => {
                this.instruments.failed(this.model, &err);
                Err(err)
            }
        })
    }
}

struct MeterWatch {
    of: Arc<OfModel>,
    start: Instant,
    last: Option<Instant>,
    ended: bool,
}

impl Watch for MeterWatch {
    fn chunk(&mut self, _: &Bytes) {
        let now = Instant::now();
        match self.last.replace(now) {
            Some(last) => self.of.between.record(now - last),
            None => self.of.first_token.record(now - self.start),
        }
    }

    fn end(&mut self, error: Option<&Error>) {
        self.ended = true;
        match error {
            Some(err) => self.of.failed(err),
            None => self.of.ok(),
        }
    }
}

impl Drop for MeterWatch {
    fn drop(&mut self) {
        self.of.duration.record(self.start.elapsed());
        if !self.ended {
            self.of.canceled();
        }
    }
}
