//! What a store in memory writes down, if it has a journal.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::FutureExt as _;
use futures_util::future::{self, BoxFuture};
use maily_errors::{Code, Error, Result};
use parking_lot::Mutex;

use super::clock::Moment;
use super::row::{Parts, damaged};
use crate::model::Row;
use crate::port::Journal;

/// The way to the journal, or to nowhere.
#[derive(Debug)]
pub(crate) struct Log {
    journal: Option<Arc<dyn Journal>>,
    /// The latest time of any row, and the greatest number that was made of a time.
    last: Mutex<Moment>,
}

/// Ends when rows are where they outlive the process. Nothing takes them back, whether it is polled or not.
#[derive(Default)]
#[must_use = "what is answered before it ends may be forgotten by a crash"]
pub(crate) struct Written(Option<BoxFuture<'static, Result<()>>>);

/// A [`Written`] that many wait for.
pub(crate) type Shared = future::Shared<BoxFuture<'static, Result<(), Code>>>;

/// Rows of one change, gathered under the lock of what they are of; none if there is no journal.
#[derive(Debug)]
pub(crate) struct Notes(Option<Vec<Row>>);

/// What was written down, by what it is of.
#[derive(Debug, Default)]
pub(crate) struct Restored {
    /// The time at which the store goes on.
    pub(crate) last: Moment,
    pub(crate) jobs: Vec<(Bytes, Bytes)>,
    pub(crate) limits: Vec<(Bytes, Bytes)>,
    pub(crate) locks: Vec<(Bytes, Bytes)>,
}

/// The first byte of a key says what its row is of.
pub(crate) const JOB: u8 = b'j';
pub(crate) const LIMIT: u8 = b'l';
pub(crate) const LOCK: u8 = b'k';
const TIME: &[u8] = b"t";

// === impl Log ===

impl Log {
    pub(crate) fn new(journal: Option<Arc<dyn Journal>>, last: Moment) -> Self {
        Self { journal, last: Mutex::new(last) }
    }

    /// Returns whether there is a journal.
    pub(crate) const fn is_kept(&self) -> bool {
        self.journal.is_some()
    }

    /// Returns what gathers rows for this log.
    pub(crate) fn notes(&self) -> Notes {
        Notes(self.journal.as_ref().map(|_| Vec::new()))
    }

    /// Writes what was gathered by `now`, which is at least every number in it.
    pub(crate) fn write(&self, now: Moment, notes: &mut Notes) -> Written {
        let Some(journal) = &self.journal else { return Written(None) };
        let Some(rows) = notes.0.as_mut().filter(|rows| !rows.is_empty()) else { return Written(None) };
        let mut rows = std::mem::take(rows);
        // Held until the journal has them: of two writers, the later one has the later time.
        let mut last = self.last.lock();
        *last = now.max(*last);
        let time = Bytes::copy_from_slice(&last.0.to_be_bytes());
        rows.push(Row { key: Bytes::from_static(TIME), value: Some(time) });
        Written(Some(journal.write(rows)))
    }
}

// === impl Written ===

impl Written {
    pub(crate) async fn done(self) -> Result<()> {
        match self.0 {
            Some(written) => written.await,
            None => Ok(()),
        }
    }

    pub(crate) fn shared(self) -> Shared {
        self.done().map(|done| done.map_err(|err| err.code())).boxed().shared()
    }
}

impl From<Shared> for Written {
    fn from(shared: Shared) -> Self {
        if shared.peek() == Some(&Ok(())) {
            return Self(None);
        }
        Self(Some(shared.map(|done| done.map_err(Error::from)).boxed()))
    }
}

// === impl Notes ===

impl Notes {
    /// Notes a row, if anybody wants it: a value to be put there, or `None` to be removed.
    pub(crate) fn note(&mut self, row: impl FnOnce() -> (Bytes, Option<Bytes>)) {
        if let Some(rows) = &mut self.0 {
            let (key, value) = row();
            rows.push(Row { key, value });
        }
    }
}

// === impl Restored ===

impl Restored {
    /// Sorts rows by what they are of.
    pub(crate) fn read(rows: impl IntoIterator<Item = (Bytes, Bytes)>) -> Result<Self> {
        let mut restored = Self::default();
        for (key, value) in rows {
            if key == TIME {
                let mut time = Parts(value);
                restored.last = Moment(time.u64()?);
                time.end()?;
                continue;
            }
            let of = match key.first() {
                Some(&JOB) => &mut restored.jobs,
                Some(&LIMIT) => &mut restored.limits,
                Some(&LOCK) => &mut restored.locks,
                _ => return Err(damaged()),
            };
            of.push((key.slice(1..), value));
        }
        Ok(restored)
    }
}

/// Returns the key of a row.
pub(crate) fn key(of: u8, name: &[u8]) -> Bytes {
    let mut key = Vec::with_capacity(1 + name.len());
    key.push(of);
    key.extend_from_slice(name);
    key.into()
}
