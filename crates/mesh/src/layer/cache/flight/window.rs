use std::collections::VecDeque;

use bytes::Bytes;
use maily_errors::Error;
use smallvec::SmallVec;

use super::super::kept::says_done;
use crate::model::CompletionHead;

/// What of an answer has arrived and may still be read.
///
/// As long as it is short enough to be kept, all of it; then what the slowest reader has not read, at most as
/// much again. A reader further behind has lost the stream: it may neither hold up the others nor grow the memory.
#[derive(Debug)]
pub(super) struct Window {
    head: Option<Box<CompletionHead>>,
    chunks: VecDeque<Bytes>,
    // The place of the first chunk that is still there.
    first: usize,
    bytes: usize,
    max_bytes: usize,
    // The next chunk of each reader.
    readers: SmallVec<[Option<usize>; 4]>,
    end: Option<Option<Error>>,
    state: State,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum State {
    /// Everything is there.
    Complete,
    /// The answer is longer than what is kept.
    Long,
    /// The last reader has left.
    Left,
}

/// Who is there after a reader left.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Left {
    /// Nobody, but the answer is whole.
    Done,
    /// Nobody, and the answer is not wanted any more.
    Nobody,
    /// Somebody.
    Others,
}

/// What a reader finds.
#[derive(Debug)]
pub(super) enum Found {
    Chunk(Bytes),
    End,
    Error(Error),
    /// What it would read next is gone.
    Lost,
}

impl Window {
    pub(super) fn new(max_bytes: usize) -> Self {
        Self {
            head: None,
            chunks: VecDeque::new(),
            first: 0,
            bytes: 0,
            max_bytes,
            readers: SmallVec::new(),
            end: None,
            state: State::Complete,
        }
    }

    /// Adds a reader, who reads from the beginning; `None` if that is gone.
    pub(super) fn enter(&mut self) -> Option<usize> {
        if self.state != State::Complete || matches!(self.end, Some(Some(_))) {
            return None;
        }
        let free = self.readers.iter().position(Option::is_none);
        let slot = free.unwrap_or_else(|| {
            self.readers.push(None);
            self.readers.len() - 1
        });
        self.readers[slot] = Some(0);
        Some(slot)
    }

    /// Removes a reader.
    ///
    /// A reader that leaves when it has read that the answer is done ends it cleanly too. After any other last one
    /// nobody enters.
    pub(super) fn leave(&mut self, slot: usize) -> Left {
        self.readers[slot] = None;
        if self.readers.iter().any(Option::is_some) {
            return Left::Others;
        }
        if self.state == State::Complete && self.end.is_none() && self.says_done() {
            self.end = Some(None);
            return Left::Done;
        }
        self.state = State::Left;
        Left::Nobody
    }

    fn says_done(&self) -> bool {
        self.head.as_ref().zip(self.chunks.back()).is_some_and(|(head, last)| says_done(head, last))
    }

    pub(super) fn begin(&mut self, head: Box<CompletionHead>) {
        self.head = Some(head);
    }

    /// Adds a chunk; returns whether the answer just became too long to be kept.
    pub(super) fn push(&mut self, chunk: Bytes) -> bool {
        self.bytes += chunk.len();
        self.chunks.push_back(chunk);
        let too_long = self.state == State::Complete && self.bytes > self.max_bytes;
        if too_long {
            self.state = State::Long;
        }
        self.trim();
        too_long
    }

    pub(super) fn end(&mut self, error: Option<Error>) {
        self.end = Some(error);
    }

    /// Shows the answer, if it ended cleanly and all of it is there.
    pub(super) fn whole<'a>(
        &'a self,
        see: impl FnOnce(&CompletionHead, std::collections::vec_deque::Iter<'a, Bytes>),
    ) {
        if let (State::Complete, Some(None), Some(head)) = (self.state, &self.end, &self.head) {
            see(head, self.chunks.iter());
        }
    }

    /// Returns the head as soon as it is there, or why there will be none.
    pub(super) fn head(&self) -> Option<Result<Box<CompletionHead>, Error>> {
        match (&self.head, &self.end) {
            (Some(head), _) => Some(Ok(head.clone())),
            (None, Some(Some(err))) => Some(Err(err.again())),
            (None, _) => None,
        }
    }

    /// Returns what a reader finds, if there is anything.
    pub(super) fn next(&mut self, slot: usize) -> Option<Found> {
        let at = self.readers[slot].as_mut()?;
        let Some(place) = at.checked_sub(self.first) else { return Some(Found::Lost) };
        if let Some(chunk) = self.chunks.get(place) {
            let chunk = chunk.clone();
            *at += 1;
            self.trim();
            return Some(Found::Chunk(chunk));
        }
        self.end.as_ref().map(|end| end.as_ref().map_or(Found::End, |err| Found::Error(err.again())))
    }

    /// Lets go of what all have read, and of what is too far behind.
    fn trim(&mut self) {
        if self.state != State::Long {
            return;
        }
        let slowest = self.readers.iter().flatten().min().copied().unwrap_or(usize::MAX);
        while self.first < slowest || self.bytes > self.max_bytes {
            // The newest chunk stays until it is read, however long it is.
            if self.first >= slowest && self.chunks.len() == 1 {
                return;
            }
            let Some(chunk) = self.chunks.pop_front() else { return };
            self.bytes -= chunk.len();
            self.first += 1;
        }
    }
}
