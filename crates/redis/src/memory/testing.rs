//! A journal for tests: it outlives a store, and can be slow or broken.

use std::collections::BTreeMap;
use std::future::pending;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, ready};
use maily_errors::{Code, Error, Result};
use parking_lot::Mutex;

use super::MemoryStore;
use crate::config::MemoryConfig;
use crate::model::Row;
use crate::port::Journal;

#[derive(Clone, Debug, Default)]
pub(crate) struct Rows(Arc<Mutex<Inner>>);

#[derive(Debug, Default)]
struct Inner {
    rows: BTreeMap<Bytes, Bytes>,
    mood: Mood,
    writes: usize,
}

/// What the journal does with the next rows.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) enum Mood {
    /// It answers that they cannot be written.
    Broken,
    /// It never answers.
    Hung,
    #[default]
    Well,
}

impl Rows {
    pub(crate) fn become_(&self, mood: Mood) {
        self.0.lock().mood = mood;
    }

    /// Returns a store of what is written by now.
    pub(crate) fn restore(&self) -> MemoryStore {
        self.restore_with(MemoryConfig::default()).expect("the rows are whole")
    }

    pub(crate) fn restore_with(&self, config: MemoryConfig) -> Result<MemoryStore> {
        let rows = self.0.lock().rows.clone();
        config.restore(rows, Arc::new(self.clone()))
    }

    /// Returns how many calls there were.
    pub(crate) fn writes(&self) -> usize {
        self.0.lock().writes
    }

    pub(crate) fn keys(&self) -> Vec<Bytes> {
        self.0.lock().rows.keys().cloned().collect()
    }

    pub(crate) fn value(&self, key: &Bytes) -> Bytes {
        self.0.lock().rows[key].clone()
    }

    pub(crate) fn change(&self, change: impl FnOnce(&mut BTreeMap<Bytes, Bytes>)) {
        change(&mut self.0.lock().rows);
    }
}

impl Journal for Rows {
    fn write(&self, rows: Vec<Row>) -> BoxFuture<'static, Result<()>> {
        let mut inner = self.0.lock();
        inner.writes += 1;
        match inner.mood {
            Mood::Broken => return ready(Err(Error::from(Code::RedisDiskFailed))).boxed(),
            Mood::Hung => return pending().boxed(),
            Mood::Well => {}
        }
        for Row { key, value } in rows {
            match value {
                Some(value) => inner.rows.insert(key, value),
                None => inner.rows.remove(&key),
            };
        }
        ready(Ok(())).boxed()
    }
}
