//! One call that many prompts read, each at its own pace, without a task.
//!
//! Whoever is polled and has read everything tries to poll the call; who finds another one doing so waits. Three rules
//! see to it that nobody waits for ever:
//!
//! - A reader leaves its waker before it looks and before it tries, so what happens later wakes it.
//! - Who polled the call lets go of it first and wakes the others then, so who is woken finds it free.
//! - The call is polled with a waker that wakes every reader: one that is woken and does not come back, because its
//!   client does not read, holds up nobody. So does one that leaves: it wakes the others.

mod notify;
mod reader;
mod window;

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use futures_core::Stream;
use futures_core::future::BoxFuture;
use maily_errors::{Error, Result};
use parking_lot::Mutex;
use tokio::time::Instant;

pub(super) use self::reader::Reader;

use self::notify::Notify;
use self::window::{Left, Window};
use super::key::Key;
use super::store::Store;
use crate::body::Body;
use crate::model::{CacheStatus, Completion, Unpaid};

/// A call to a node that has begun.
pub(super) type Calling = BoxFuture<'static, Result<Completion>>;

/// A call under way.
pub(super) struct Flight {
    key: Key,
    store: Arc<Store>,
    deadline: Option<Instant>,
    unpaid: Unpaid,
    notify: Arc<Notify>,
    waker: Waker,
    // Taken before `window`, never after it.
    source: Mutex<Source>,
    window: Mutex<Window>,
}

/// What is polled.
enum Source {
    Announced,
    Calling(Calling),
    Streaming(Body),
    Ended,
}

impl Flight {
    /// Announces a call with one reader, who begins it. Others may join before.
    pub(super) fn begin(
        key: Key,
        store: Arc<Store>,
        status: CacheStatus,
        deadline: Option<Instant>,
    ) -> (Arc<Self>, Reader) {
        let notify = Arc::new(Notify::default());
        let flight = Arc::new(Self {
            key,
            deadline,
            unpaid: Unpaid::default(),
            waker: Waker::from(notify.clone()),
            notify,
            source: Mutex::new(Source::Announced),
            window: Mutex::new(Window::new(store.rules.max_answer_bytes)),
            store,
        });
        let slot = flight.window.lock().enter().expect("nobody has left yet");
        let reader = Reader::new(flight.clone(), slot, status, None);
        (flight, reader)
    }

    /// Adds a reader, unless it would come too late, or the call may take much less time than it may itself.
    pub(super) fn join(self: &Arc<Self>, deadline: Option<Instant>) -> Option<Reader> {
        let long_enough = match (self.deadline, deadline) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(ours), Some(theirs)) => {
                ours >= theirs || {
                    let now = Instant::now();
                    ours.saturating_duration_since(now) * 2 >= theirs.saturating_duration_since(now)
                }
            }
        };
        let slot = long_enough.then(|| self.window.lock().enter())??;
        // The call keeps the time of who began it; who has less keeps its own.
        let own = deadline.filter(|own| self.deadline.is_none_or(|ours| *own < ours));
        Some(Reader::new(self.clone(), slot, CacheStatus::Shared, own))
    }

    /// Polls the call, unless somebody else does; returns whether there is more to read.
    fn drive(&self) -> bool {
        let Some(mut source) = self.source.try_lock() else { return false };
        self.notify.begin();
        let mut cx = Context::from_waker(&self.waker);
        let (moved, over) = match &mut *source {
            Source::Announced | Source::Ended => (false, false),
            Source::Calling(call) => match call.as_mut().poll(&mut cx) {
                Poll::Pending => (false, false),
                Poll::Ready(Ok(Completion { head, body })) => {
                    *source = Source::Streaming(body);
                    self.window.lock().begin(head);
                    (true, false)
                }
                Poll::Ready(Err(err)) => self.end(&mut source, Some(err)),
            },
            Source::Streaming(body) => match Pin::new(body).poll_next(&mut cx) {
                Poll::Pending => (false, false),
                Poll::Ready(Some(Ok(chunk))) => (true, self.window.lock().push(chunk)),
                Poll::Ready(Some(Err(err))) => self.end(&mut source, Some(err)),
                Poll::Ready(None) => self.end(&mut source, None),
            },
        };
        // Let go before anybody is woken.
        drop(source);
        if over {
            self.land();
        }
        if moved || self.notify.was_woken() {
            self.notify.wake_all();
        }
        moved
    }

    /// The call is over; its connection goes back, or away, now.
    fn end(&self, source: &mut Source, error: Option<Error>) -> (bool, bool) {
        *source = Source::Ended;
        self.window.lock().end(error);
        (true, true)
    }

    /// The answer goes into memory, if it is whole, and the call out of the calls: in this order, so that an
    /// equal prompt finds one or the other.
    fn land(&self) {
        self.window.lock().whole(|head, chunks| self.store.keep(self.key.clone(), head, chunks));
        self.store.leave(&self.key, self);
    }

    /// A reader leaves. With the last one the call is cancelled; else somebody else goes on with it.
    fn leave(&self, slot: usize) {
        let waker = self.notify.forget(slot);
        let left = self.window.lock().leave(slot);
        match left {
            Left::Others => self.notify.wake_all(),
            Left::Done => self.land(),
            Left::Nobody => self.store.leave(&self.key, self),
        }
        if left != Left::Others {
            // Nobody else polls it. Dropped without a lock: it may wake, or drop, whatever it likes.
            let source = std::mem::replace(&mut *self.source.lock(), Source::Ended);
            drop(source);
        }
        drop(waker);
    }
}

impl fmt::Debug for Flight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Flight").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
