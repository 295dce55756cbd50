//! Where wakers say which call can go on, and how the event loop hears of it.

use std::io::{Read as _, Write as _};
use std::mem;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Wake;

/// The calls that can go on. Wakers fill it from any thread, without the interpreter.
#[derive(Debug)]
pub(super) struct Inbox {
    woken: Mutex<Woken>,
    bell: UnixStream,
}

#[derive(Debug, Default)]
struct Woken {
    calls: Vec<usize>,
    /// Whether the event loop knows: one ring is enough for all that comes before it has looked.
    rung: bool,
}

impl Inbox {
    /// Creates an inbox, and the socket that becomes readable when something is in it.
    pub(super) fn new() -> std::io::Result<(Arc<Self>, UnixStream)> {
        let (bell, ear) = UnixStream::pair()?;
        bell.set_nonblocking(true)?;
        ear.set_nonblocking(true)?;
        Ok((Arc::new(Self { woken: Mutex::default(), bell }), ear))
    }

    /// Puts a call in, and rings if nobody has since the event loop looked.
    pub(super) fn push(&self, call: usize) {
        let mut woken = self.woken();
        woken.calls.push(call);
        if mem::replace(&mut woken.rung, true) {
            return;
        }
        drop(woken);
        // One byte always fits. If nobody is at the other end, nobody waits for the call.
        drop((&self.bell).write(&[0]));
    }

    /// Takes the calls out. No ring until [`rest`](Self::rest) has returned false.
    pub(super) fn take(&self) -> Vec<usize> {
        mem::take(&mut self.woken().calls)
    }

    /// Returns whether there are calls again; if not, the next one rings.
    pub(super) fn rest(&self) -> bool {
        let mut woken = self.woken();
        woken.rung = !woken.calls.is_empty();
        woken.rung
    }

    fn woken(&self) -> MutexGuard<'_, Woken> {
        self.woken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes the byte that rang.
pub(super) fn quiet(mut ear: &UnixStream) {
    drop(ear.read(&mut [0; 8]));
}

/// Wakes one call.
#[derive(Debug)]
pub(super) struct CallWaker {
    pub(super) inbox: Arc<Inbox>,
    pub(super) call: usize,
}

impl Wake for CallWaker {
    fn wake(self: Arc<Self>) {
        self.inbox.push(self.call);
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.inbox.push(self.call);
    }
}
