use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Wake, Waker};

use parking_lot::Mutex;
use smallvec::SmallVec;

/// Who waits for a call, by slot.
#[derive(Debug, Default)]
pub(super) struct Notify {
    wakers: Mutex<SmallVec<[Option<Waker>; 4]>>,
    // Whether the call woke while it was polled: then whoever found it taken must come back.
    woken: AtomicBool,
}

impl Notify {
    /// Leaves the waker of a reader.
    pub(super) fn register(&self, slot: usize, waker: &Waker) {
        let mut wakers = self.wakers.lock();
        if wakers.len() <= slot {
            wakers.resize(slot + 1, None);
        }
        match &mut wakers[slot] {
            Some(there) => there.clone_from(waker),
            empty => *empty = Some(waker.clone()),
        }
    }

    /// Takes the waker of a reader that leaves.
    pub(super) fn forget(&self, slot: usize) -> Option<Waker> {
        self.wakers.lock().get_mut(slot).and_then(Option::take)
    }

    /// The call is about to be polled.
    pub(super) fn begin(&self) {
        self.woken.store(false, Ordering::SeqCst);
    }

    /// Returns whether the call woke since.
    pub(super) fn was_woken(&self) -> bool {
        self.woken.load(Ordering::SeqCst)
    }

    /// Wakes every reader that waits.
    pub(super) fn wake_all(&self) {
        // Out of the lock: a waker may do anything.
        let wakers: SmallVec<[Waker; 4]> = self.wakers.lock().iter_mut().filter_map(Option::take).collect();
        wakers.into_iter().for_each(Waker::wake);
    }
}

impl Wake for Notify {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.woken.store(true, Ordering::SeqCst);
        self.wake_all();
    }
}
