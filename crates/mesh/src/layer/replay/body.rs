use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_core::Stream;
use maily_errors::{Code, Error, Result};

use super::events::split;
use super::shelf::Transcript;
use crate::body::Body;

/// A stream whose events have numbers, and are kept.
pub(super) struct Numbered {
    transcript: Arc<Transcript>,
    /// Which of the readers of the transcript this is; the last one counts.
    reader: u32,
    /// What a reader who came back missed.
    missed: Bytes,
    body: Option<Body>,
}

impl Numbered {
    pub(super) fn new(transcript: Arc<Transcript>, missed: Bytes) -> Self {
        let reader = transcript.take_over();
        Self { transcript, reader, missed, body: None }
    }

    pub(super) fn with_body(mut self, body: Body) -> Self {
        self.body = Some(body);
        self
    }
}

impl Stream for Numbered {
    type Item = Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        if !this.missed.is_empty() {
            return Poll::Ready(Some(Ok(std::mem::take(&mut this.missed))));
        }
        let Some(body) = &mut this.body else { return Poll::Ready(None) };
        if !this.transcript.belongs_to(this.reader, cx) {
            // The reader is back over another connection; the node of this one has to stop.
            this.body = None;
            let gone = Error::new(Code::StreamCut, "the reader came back over another connection");
            return Poll::Ready(Some(Err(gone.with_operation("mesh::replay"))));
        }
        let item = ready!(Pin::new(body).poll_next(cx));
        Poll::Ready(match item {
            Some(Ok(events)) => Some(Ok(this.transcript.number(split(&events)))),
            Some(Err(err)) => {
                this.body = None;
                Some(Err(err))
            }
            None => {
                this.body = None;
                this.transcript.end();
                None
            }
        })
    }
}
