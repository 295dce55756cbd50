//! The body of an answer event by event, with what decoders read over.

use std::mem::take;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_util::Stream;
use maily_errors::Result;
use maily_mesh::Body;

/// A body whose chunks end where events end, so that whoever reads it knows which event he has.
pub(super) struct Blocks {
    body: Body,
    chunk: Bytes,
    scan: Scan,
    marks: Marks,
}

/// What stood beside the events that were read.
#[derive(Clone, Default)]
pub(super) struct Marks(Arc<Mutex<Seen>>);

#[derive(Default)]
struct Seen {
    id: Option<String>,
}

impl Blocks {
    pub(super) fn new(body: Body, marks: Marks) -> Self {
        Self { body, chunk: Bytes::new(), scan: Scan::default(), marks }
    }
}

impl Stream for Blocks {
    type Item = Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        while this.chunk.is_empty() {
            match ready!(Pin::new(&mut this.body).poll_next(cx)) {
                Some(Ok(chunk)) => this.chunk = chunk,
                ended => return Poll::Ready(ended),
            }
        }
        let end = this.scan.event(&this.chunk, &this.marks);
        Poll::Ready(Some(Ok(this.chunk.split_to(end))))
    }
}

impl Marks {
    /// Returns the number of the last event that was read whole, if it has one.
    pub(super) fn id(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).id.clone()
    }
}

/// Reads lines as far as they are of interest.
#[derive(Default)]
struct Scan {
    line: Vec<u8>,
    id: Option<String>,
    /// The byte before was a carriage return: a line feed that follows ends no line of its own.
    after_return: bool,
}

impl Scan {
    /// Returns where the first event of the chunk ends, or the chunk; notes what the lines until there say.
    fn event(&mut self, chunk: &[u8], marks: &Marks) -> usize {
        for (at, byte) in chunk.iter().copied().enumerate() {
            if take(&mut self.after_return) && byte == b'\n' {
                continue;
            }
            if !matches!(byte, b'\n' | b'\r') {
                if self.line.len() < MAX_LINE {
                    self.line.push(byte);
                }
                continue;
            }
            self.after_return = byte == b'\r';
            if self.end_line(marks) {
                return at + 1;
            }
        }
        chunk.len()
    }

    /// Returns whether the line ended an event.
    fn end_line(&mut self, marks: &Marks) -> bool {
        let line = take(&mut self.line);
        let mut seen = marks.0.lock().unwrap_or_else(PoisonError::into_inner);
        if line.is_empty() {
            seen.id = self.id.take().or_else(|| seen.id.take());
        } else if let Some(id) = line.strip_prefix(b"id:") {
            self.id = String::from_utf8(id.trim_ascii().to_vec()).ok();
        }
        let ended = line.is_empty();
        self.line = line;
        self.line.clear();
        ended
    }
}

/// How much of a line is kept: numbers of events are shorter.
const MAX_LINE: usize = 512;
