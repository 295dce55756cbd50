//! The place of one connection: taken while it lives, given back when it is dropped.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use maily_errors::{Code, Error, Public};
use tokio::sync::Notify;

/// How many connections are open.
#[derive(Debug, Default)]
pub(crate) struct Slots {
    open: AtomicUsize,
    changed: Notify,
}

impl Slots {
    pub(crate) fn open(&self) -> usize {
        self.open.load(Ordering::Acquire)
    }

    pub(crate) fn take(self: &Arc<Self>, limit: usize) -> Result<Slot, Error> {
        let taken = self
            .open
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |open| (open < limit).then_some(open + 1));
        match taken {
            Ok(_) => Ok(Slot { slots: Arc::clone(self) }),
            Err(_) => Err(Error::new(Code::Unavailable, "too many connections")
                .with_operation("sockets::serve")
                .with_context("limit_connections", Public(limit))),
        }
    }

    /// Waits until no connection is open.
    pub(crate) async fn empty(&self) {
        loop {
            // Registered before the count is read, so that no change between the two is missed.
            let changed = self.changed.notified();
            if self.open() == 0 {
                return;
            }
            changed.await;
        }
    }
}

#[derive(Debug)]
pub(crate) struct Slot {
    slots: Arc<Slots>,
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.slots.open.fetch_sub(1, Ordering::AcqRel);
        self.slots.changed.notify_waiters();
    }
}
