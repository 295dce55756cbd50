//! The frames that wait for one reader.

use std::collections::VecDeque;

use bytes::Bytes;
use maily_errors::Error;
use parking_lot::Mutex;
use tokio::sync::Notify;

/// A queue with a budget in bytes. The room writes, one session reads.
#[derive(Debug)]
pub(crate) struct Outbox {
    inner: Mutex<Inner>,
    changed: Notify,
    budget: usize,
}

#[derive(Debug, Default)]
struct Inner {
    frames: VecDeque<Bytes>,
    bytes: usize,
    /// Something was left out: when the queue is empty, the session asks for the difference.
    lagging: bool,
    end: Option<Option<Error>>,
}

/// What a reader finds.
#[derive(Debug)]
pub(crate) enum Next {
    Ended(Option<Error>),
    Frame(Bytes),
    /// All that was queued has been read, and something was left out.
    Lagging,
    Nothing,
}

impl Outbox {
    pub(crate) fn new(budget: usize) -> Self {
        Self { inner: Mutex::default(), changed: Notify::new(), budget }
    }

    /// Queues a frame, and says whether it fits.
    pub(crate) fn push(&self, frame: Bytes) -> bool {
        let mut inner = self.inner.lock();
        if inner.bytes + frame.len() > self.budget && !inner.frames.is_empty() {
            return false;
        }
        inner.bytes += frame.len();
        inner.frames.push_back(frame);
        drop(inner);
        self.changed.notify_one();
        true
    }

    /// Returns whether this many more bytes would be over the budget.
    pub(crate) fn is_tight(&self, more: usize) -> bool {
        self.inner.lock().bytes + more > self.budget
    }

    pub(crate) fn set_lagging(&self, lagging: bool) {
        self.inner.lock().lagging = lagging;
        self.changed.notify_one();
    }

    /// Ends the session once the queue is read; an error is the reason.
    pub(crate) fn end(&self, reason: Option<Error>) {
        self.inner.lock().end.get_or_insert(reason);
        self.changed.notify_one();
    }

    pub(crate) fn next(&self) -> Next {
        let mut inner = self.inner.lock();
        if let Some(frame) = inner.frames.pop_front() {
            inner.bytes -= frame.len();
            return Next::Frame(frame);
        }
        if let Some(reason) = &mut inner.end {
            return Next::Ended(reason.take());
        }
        if inner.lagging { Next::Lagging } else { Next::Nothing }
    }

    /// Marks that the difference was asked for, so that it is asked for once.
    pub(crate) fn asked(&self) {
        self.inner.lock().lagging = false;
    }

    pub(crate) async fn changed(&self) {
        self.changed.notified().await;
    }
}
