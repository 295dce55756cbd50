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
    pub(super) const fn new(transcript: Arc<Transcript>, reader: u32, missed: Bytes) -> Self {
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
        let item = if this.transcript.belongs_to(this.reader, cx) {
            match ready!(Pin::new(body).poll_next(cx)) {
                // Unless the reader came back just now.
                Some(Ok(events)) => {
                    this.transcript.number(this.reader, split(&events)).map(|told| Some(Ok(told)))
                }
                Some(Err(err)) => Some(Some(Err(err))),
                None => {
                    this.transcript.end();
                    Some(None)
                }
            }
        } else {
            None
        };
        let item = item.unwrap_or_else(|| {
            let gone = Error::new(Code::StreamCut, "the reader came back over another connection");
            Some(Err(gone.with_operation("mesh::replay")))
        });
        if !matches!(item, Some(Ok(_))) {
            // The node has to stop, whoever reads another answer.
            this.body = None;
        }
        Poll::Ready(item)
    }
}
