use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_core::Stream;
use futures_core::future::BoxFuture;
use maily_errors::{Code, Error, Result};

use super::events::{comment, split};
use super::page::Kind;
use super::shared::Writer;
use crate::body::Body;

/// A stream whose events have numbers, and are where every instance finds them before the reader has them.
///
/// So whatever a reader has seen, an instance that goes on knows, even if this one is killed at once.
pub(super) struct Kept {
    writer: Writer,
    /// Whether its pages are written; else nobody can come back to it.
    is_kept: bool,
    /// What a reader who came back missed.
    missed: Bytes,
    body: Option<Body>,
    writing: Option<Writing>,
}

/// A page on its way, and what the reader gets when it is there: nothing behind the end.
struct Writing {
    written: BoxFuture<'static, Result<bool>>,
    events: Option<Bytes>,
}

impl Kept {
    pub(super) fn new(writer: Writer, missed: Bytes) -> Self {
        Self { writer, is_kept: true, missed, body: None, writing: None }
    }

    pub(super) fn with_body(mut self, body: Body) -> Self {
        self.body = Some(body);
        self
    }

    /// Numbers the events of a chunk: what the reader gets, and what is kept of it.
    fn number(&mut self, chunk: &[u8]) -> (Bytes, Vec<u8>) {
        let (mut passed, mut kept) = (Vec::with_capacity(chunk.len() + 64), Vec::new());
        for event in split(chunk) {
            if let Some(comment) = comment(event) {
                passed.extend_from_slice(comment);
                passed.push(b'\n');
                continue;
            }
            self.writer.number += 1;
            let id = self.writer.stream.event(self.writer.number);
            passed.extend_from_slice(format!("id: {id}\n").as_bytes());
            passed.extend_from_slice(event);
            kept.extend_from_slice(event);
        }
        (passed.into(), kept)
    }

    /// Begins to write a page if there is room for it.
    fn write(&mut self, kind: Kind, events: &[u8]) -> Option<BoxFuture<'static, Result<bool>>> {
        let left = self.writer.left.checked_sub(events.len());
        self.is_kept &= left.is_some() && self.writer.room.take(events.len(), self.writer.kept_for());
        self.writer.left = left.unwrap_or(0);
        self.is_kept.then(|| self.writer.write(kind, events))
    }

    /// What became of the page.
    fn written(&mut self, written: Result<bool>) -> Result<()> {
        match written {
            Ok(true) => self.writer.page += 1,
            Ok(false) => {
                // The reader is back at another instance; the node of this one has to stop.
                self.body = None;
                let gone = Error::new(Code::StreamCut, "the reader came back at another instance");
                return Err(gone.with_operation("mesh::replay"));
            }
            Err(err) => {
                self.is_kept = false;
                if self.writer.room.fail() {
                    tracing::warn!(code = err.code().name(), error = ?err, "streams are not kept for other instances");
                }
            }
        }
        Ok(())
    }
}

impl Stream for Kept {
    type Item = Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        if !this.missed.is_empty() {
            return Poll::Ready(Some(Ok(std::mem::take(&mut this.missed))));
        }
        loop {
            if let Some(writing) = &mut this.writing {
                let written = ready!(writing.written.as_mut().poll(cx));
                let events = this.writing.take().and_then(|writing| writing.events);
                return Poll::Ready(match this.written(written) {
                    Ok(()) => events.map(Ok),
                    // A reader who has the end is not told that the stream is cut.
                    Err(err) => events.map(|_| Err(err)),
                });
            }
            let Some(body) = &mut this.body else { return Poll::Ready(None) };
            let item = ready!(Pin::new(body).poll_next(cx));
            let (kind, passed, kept) = match item {
                Some(Ok(chunk)) => {
                    let (passed, kept) = this.number(&chunk);
                    (Kind::Events, Some(passed), kept)
                }
                Some(Err(err)) => {
                    this.body = None;
                    return Poll::Ready(Some(Err(err)));
                }
                None => {
                    this.body = None;
                    (Kind::End, None, Vec::new())
                }
            };
            let page = (kind == Kind::End || !kept.is_empty()) && this.is_kept;
            match page.then(|| this.write(kind, &kept)).flatten() {
                Some(written) => this.writing = Some(Writing { written, events: passed }),
                None => return Poll::Ready(passed.map(Ok)),
            }
        }
    }
}
