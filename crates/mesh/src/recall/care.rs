//! The thread that keeps the graphs, so that neither a search nor a store does.

use std::sync::{Arc, Weak, mpsc};
use std::thread;

use parking_lot::{Mutex, RwLock};

use super::shelf::Shelf;

/// Looks after shelves in a thread of its own, which starts with the first one that needs it.
#[derive(Debug)]
pub(super) struct Care {
    exact: usize,
    queue: Mutex<Option<mpsc::Sender<Weak<RwLock<Shelf>>>>>,
}

impl Care {
    /// Creates a care for shelves that compare every row up to `exact` of them.
    pub(super) const fn new(exact: usize) -> Self {
        Self { exact, queue: Mutex::new(None) }
    }

    /// Lets the thread look after a shelf, if there is something to do and it does not yet.
    pub(super) fn look_after(&self, shelf: &Arc<RwLock<Shelf>>) {
        if !shelf.read().needs_care(self.exact) || shelf.write().set_cared_for(true) {
            return;
        }
        let mut queue = self.queue.lock();
        let sender = queue.get_or_insert_with(|| start(self.exact));
        if sender.send(Arc::downgrade(shelf)).is_err() {
            // The thread could not be started: searches compare every row, and the next call tries again.
            *queue = None;
            shelf.write().set_cared_for(false);
        }
    }

    /// Does what is to be done for a shelf, or waits until the thread has done it.
    pub(super) fn settle(&self, shelf: &Arc<RwLock<Shelf>>) {
        while shelf.write().set_cared_for(true) {
            thread::yield_now();
        }
        settle(&Arc::downgrade(shelf), self.exact);
    }
}

/// Starts the thread. It ends with the [`Care`]; a shelf that it is at is left as it is.
fn start(exact: usize) -> mpsc::Sender<Weak<RwLock<Shelf>>> {
    let (sender, shelves) = mpsc::channel();
    let started = thread::Builder::new().name("maily-memories".to_owned()).spawn(move || {
        while let Ok(shelf) = shelves.recv() {
            settle(&shelf, exact);
        }
    });
    if let Err(err) = started {
        tracing::warn!(error = %err, "the thread that keeps the graphs of memories cannot be started");
    }
    sender
}

/// Does what is to be done for a shelf, one short step after the other, for as long as somebody has it.
fn settle(shelf: &Weak<RwLock<Shelf>>, exact: usize) {
    while let Some(shelf) = shelf.upgrade() {
        let planned = shelf.read().plan(exact);
        let mut shelf = shelf.write();
        match planned {
            Some(step) => shelf.take(step, exact),
            // Once more with the lock in the hand: something may have come since.
            None => match shelf.plan(exact) {
                Some(step) => shelf.take(step, exact),
                None => {
                    shelf.set_cared_for(false);
                    return;
                }
            },
        }
    }
}
