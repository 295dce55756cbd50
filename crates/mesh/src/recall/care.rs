//! The thread that keeps the graphs, so that neither a search nor a store does.

use std::sync::{Arc, Weak, mpsc};
use std::thread;

use parking_lot::{Mutex, RwLock};

use super::shelf::Shelf;

/// Looks after shelves in a thread of its own, which starts with the first one that needs it.
#[derive(Debug, Default)]
pub(super) struct Care {
    queue: Mutex<Option<mpsc::Sender<Weak<RwLock<Shelf>>>>>,
}

impl Care {
    /// Lets the thread look after a shelf, if there is something to do and it does not yet.
    pub(super) fn look_after(&self, shelf: &Arc<RwLock<Shelf>>) {
        if !shelf.read().needs_care() || shelf.write().set_cared_for(true) {
            return;
        }
        let mut queue = self.queue.lock();
        let sender = queue.get_or_insert_with(start);
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
        settle(&Arc::downgrade(shelf));
    }
}

/// Starts the thread. It ends with the [`Care`]; a shelf that it is at is left as it is.
fn start() -> mpsc::Sender<Weak<RwLock<Shelf>>> {
    let (sender, shelves) = mpsc::channel();
    let started = thread::Builder::new().name("maily-memories".to_owned()).spawn(move || {
        while let Ok(shelf) = shelves.recv() {
            settle(&shelf);
        }
    });
    if let Err(err) = started {
        tracing::warn!(error = %err, "the thread that keeps the graphs of memories cannot be started");
    }
    sender
}

/// Does what is to be done for a shelf, one short step after the other, for as long as somebody has it.
fn settle(shelf: &Weak<RwLock<Shelf>>) {
    while let Some(shelf) = shelf.upgrade() {
        let planned = shelf.read().vectors.plan();
        let mut shelf = shelf.write();
        match planned {
            Some(step) => shelf.vectors.take(step),
            // Once more with the lock in the hand: something may have come since.
            None => match shelf.vectors.plan() {
                Some(step) => shelf.vectors.take(step),
                None => {
                    shelf.set_cared_for(false);
                    return;
                }
            },
        }
    }
}
