use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use maily_errors::{Error, Result};
use pin_project_lite::pin_project;
use tokio::time::Instant;

use super::instruments::{Instruments, Kind, OfModel};
use crate::body::Watch;
use crate::model::{Completion, CompletionHead, Format, ModelName, OWN, Unpaid};
use crate::wire::{Tokens, UsageReader};

pin_project! {
    /// The future of [`Meter`](super::Meter).
    #[derive(Debug)]
    pub struct ResponseFuture<F> {
        #[pin]
        inner: F,
        model: ModelName,
        format: Format,
        instruments: Instruments,
        start: Instant,
    }
}

impl<F> ResponseFuture<F> {
    pub(super) fn new(inner: F, model: ModelName, format: Format, instruments: Instruments) -> Self {
        Self { inner, model, format, instruments, start: Instant::now() }
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
                let provider = head.endpoint.as_ref().map_or(OWN, |endpoint| endpoint.provider());
                let of = this.instruments.of(this.model, Kind::new(*this.format, Some(provider)));
                let watch = MeterWatch::new(of, *this.start, &head);
                Ok(Completion { head, body: body.watched(watch) })
            }
            Err(err) => {
                let kind = Kind::new(*this.format, None);
                this.instruments.failed(this.model, kind, this.start.elapsed(), &err);
                Err(err)
            }
        })
    }
}

struct MeterWatch {
    of: Arc<OfModel>,
    start: Instant,
    streamed: bool,
    /// When the first and the last chunk of a stream came.
    chunks: Option<(Instant, Instant)>,
    /// None: the answer came from memory and took no tokens.
    usage: Option<UsageReader>,
    /// Of a call that another prompt began: whether that one has left it, and counts no tokens.
    unpaid: Option<Unpaid>,
    ended: bool,
}

impl MeterWatch {
    fn new(of: Arc<OfModel>, start: Instant, head: &CompletionHead) -> Self {
        let usage = (!head.is_from_memory()).then(UsageReader::new);
        let unpaid = head.unpaid.clone();
        Self { of, start, streamed: head.streamed, chunks: None, usage, unpaid, ended: false }
    }

    fn used(&self) {
        if self.unpaid.as_ref().is_some_and(|unpaid| !unpaid.is_left()) {
            return;
        }
        let Some(tokens) = self.usage.as_ref().and_then(UsageReader::said) else { return };
        self.of.used(tokens);
        if let (Some((first, last)), Tokens { answer: 2.., .. }) = (self.chunks, tokens) {
            self.of.per_token.record((last - first).as_secs_f64() / (tokens.answer - 1) as f64);
        }
    }
}

impl Watch for MeterWatch {
    fn chunk(&mut self, chunk: &Bytes) {
        if self.streamed {
            let now = Instant::now();
            match &mut self.chunks {
                Some((_, last)) => self.of.between.record(now - std::mem::replace(last, now)),
                None => {
                    self.chunks = Some((now, now));
                    self.of.begun(now - self.start);
                }
            }
        }
        if let Some(usage) = &mut self.usage {
            usage.see(chunk);
        }
    }

    fn end(&mut self, error: Option<&Error>) {
        self.ended = true;
        let took = self.start.elapsed();
        match error {
            Some(err) => self.of.failed(took, err),
            None => {
                self.of.ok(took);
                self.used();
            }
        }
    }
}

impl Drop for MeterWatch {
    fn drop(&mut self) {
        if !self.ended {
            self.of.canceled(self.start.elapsed());
        }
    }
}
