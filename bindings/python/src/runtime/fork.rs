//! What a fork leaves behind: threads and tasks are not copied, so what leans on them is dead in the child.

use std::mem;
use std::sync::atomic::{AtomicU32, Ordering};

use maily_errors::{Code, Error, Result};

/// How many forks lie between the first process and this one.
static FORKS: AtomicU32 = AtomicU32::new(0);

/// Says that this process is the child of a fork.
pub(super) fn happened() {
    FORKS.fetch_add(1, Ordering::Relaxed);
}

/// The process in which something was made.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Process(u32);

impl Process {
    /// This one.
    pub(crate) fn current() -> Self {
        Self(FORKS.load(Ordering::Relaxed))
    }

    /// Refuses what was made before a fork.
    pub(crate) fn check(self) -> Result<()> {
        if self == Self::current() {
            return Ok(());
        }
        let before = "it was made before this process was forked: make another one in the child";
        Err(Error::new(Code::Unsupported, before).with_operation("python::fork"))
    }
}

/// Something that is of use only in the process in which it was made.
///
/// In a child it is not dropped either: that might wait for threads which are not there, or say goodbye to a server
/// over a connection that is the parent's.
#[derive(Debug)]
pub(crate) struct Here<T> {
    /// There until it is dropped.
    value: Option<T>,
    process: Process,
}

impl<T> Here<T> {
    pub(crate) fn new(value: T) -> Self {
        Self { value: Some(value), process: Process::current() }
    }

    /// Returns the value, or refuses in a child.
    pub(crate) fn get(&self) -> Result<&T> {
        self.process.check()?;
        self.value.as_ref().ok_or_else(|| Error::new(Code::Unexpected, "it was dropped"))
    }
}

impl<T> Drop for Here<T> {
    fn drop(&mut self) {
        if self.process != Process::current() {
            mem::forget(self.value.take());
        }
    }
}
