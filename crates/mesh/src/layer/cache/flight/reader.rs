use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_core::Stream;
use maily_errors::{Code, Error, Result};
use tokio::time::{Instant, Sleep, sleep_until};

use super::window::{Found, Window};
use super::{Calling, Flight, Source};
use crate::model::{CacheStatus, Cached, CompletionHead};

/// One of the readers of a call. Dropping the last one cancels it.
pub(in super::super) struct Reader {
    flight: Arc<Flight>,
    slot: usize,
    status: CacheStatus,
    // Only for who has less time than the call.
    deadline: Option<Pin<Box<Sleep>>>,
    over: bool,
    /// The call is over, too, and nothing of it is left to be paid.
    ended: bool,
}

impl Reader {
    pub(super) fn new(
        flight: Arc<Flight>,
        slot: usize,
        status: CacheStatus,
        deadline: Option<Instant>,
    ) -> Self {
        let deadline = deadline.map(|deadline| Box::pin(sleep_until(deadline)));
        Self { flight, slot, status, deadline, over: false, ended: false }
    }

    /// Begins the call that was announced.
    pub(in super::super) fn begin(&self, call: Calling) {
        *self.flight.source.lock() = Source::Calling(call);
        self.flight.notify.wake_all();
    }

    /// Waits for the head of the answer.
    pub(in super::super) fn poll_head(&mut self, cx: &mut Context<'_>) -> Poll<Result<Box<CompletionHead>>> {
        let status = self.status;
        self.poll_for(cx, |window, _| window.head()).map(|found| {
            let mut head = found??;
            // A layer inside may have had the answer in a memory of its own.
            head.cached.get_or_insert(Cached::now(status));
            head.unpaid = (status == CacheStatus::Shared).then(|| self.flight.unpaid.clone());
            Ok(head)
        })
    }

    /// Looks until there is something, and drives the call as long as it moves.
    fn poll_for<T>(
        &mut self,
        cx: &mut Context<'_>,
        mut look: impl FnMut(&mut Window, usize) -> Option<T>,
    ) -> Poll<Result<T>> {
        let Self { flight, slot, .. } = self;
        if let Some(found) = look(&mut flight.window.lock(), *slot) {
            return Poll::Ready(Ok(found));
        }
        loop {
            // First of all, so that whatever happens from here on wakes this reader.
            flight.notify.register(*slot, cx.waker());
            if let Some(found) = look(&mut flight.window.lock(), *slot) {
                return Poll::Ready(Ok(found));
            }
            if !flight.drive() {
                break;
            }
        }
        if let Some(deadline) = &mut self.deadline {
            ready!(deadline.as_mut().poll(cx));
            let late = Error::new(Code::Timeout, "the shared call did not end in time");
            return Poll::Ready(Err(late.with_operation("mesh::cache")));
        }
        Poll::Pending
    }
}

impl Stream for Reader {
    type Item = Result<Bytes>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        if this.over {
            return Poll::Ready(None);
        }
        let item = match ready!(this.poll_for(cx, Window::next)) {
            Ok(Found::Chunk(chunk)) => return Poll::Ready(Some(Ok(chunk))),
            Ok(Found::End) => {
                this.ended = true;
                None
            }
            Ok(Found::Error(err)) => {
                this.ended = true;
                Some(Err(err))
            }
            Err(err) => Some(Err(err)),
            Ok(Found::Lost) => Some(Err(Error::new(
                Code::StreamLagged,
                "the reader fell too far behind the others of a shared stream",
            )
            .with_operation("mesh::cache"))),
        };
        this.over = true;
        Poll::Ready(item)
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        if self.status != CacheStatus::Shared && !self.ended {
            self.flight.unpaid.leave();
        }
        self.flight.leave(self.slot);
    }
}

impl fmt::Debug for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader")
            .field("slot", &self.slot)
            .field("status", &self.status)
            .finish_non_exhaustive()
    }
}
