//! The rows of jobs, locks and limits, as the core writes them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use maily_errors::{Code, Error};
use maily_redis::{Journal, Row};
use redb::{ReadableDatabase, ReadableTable, TableDefinition, TableError, WriteTransaction};

use super::change::Change;
use super::table::SUMS;
use super::value::Decision;
use crate::codec;
use crate::error::Failed;
use crate::file::File;

/// The journal of what is in memory: a table of the file.
#[derive(Debug)]
pub(super) struct RowsJournal {
    file: Arc<File<Change>>,
    /// Set when a commit failed: what comes later builds on rows that are not there.
    broken: Arc<AtomicBool>,
}

/// Rows that wait for their commit.
#[derive(Debug)]
pub(crate) struct Rows {
    rows: Vec<Row>,
    broken: Arc<AtomicBool>,
}

/// The last row of each key in one commit, in the order of the table.
#[derive(Debug, Default)]
pub(super) struct Merged<'c>(BTreeMap<&'c [u8], Option<&'c [u8]>>);

// === impl RowsJournal ===

impl RowsJournal {
    pub(super) fn new(file: Arc<File<Change>>) -> Self {
        Self { file, broken: Arc::default() }
    }
}

impl Journal for RowsJournal {
    fn write(&self, rows: Vec<Row>) -> BoxFuture<'static, Result<(), Error>> {
        let rows = Rows { rows, broken: Arc::clone(&self.broken) };
        let written = self.file.change(Change::Rows(rows));
        async { written.await?.map(drop) }.boxed()
    }
}

// === impl Rows ===

impl Rows {
    pub(super) const fn len(&self) -> usize {
        self.rows.len()
    }

    /// Lays the rows over those before; refuses them after a commit that failed.
    pub(super) fn merge<'c>(&'c self, merged: &mut Merged<'c>) -> Result<Decision, Error> {
        if self.broken.load(Ordering::Relaxed) {
            let message = "an earlier change could not be written: open the file again";
            return Err(Error::new(Code::RedisDiskFailed, message).with_operation("store_redb::rows"));
        }
        merged.0.extend(self.rows.iter().map(|row| (row.key.as_ref(), row.value.as_deref())));
        Ok(Decision::Done(true))
    }

    /// The writer calls it before it begins another commit.
    pub(super) fn settled(&self, committed: bool) {
        if !committed {
            self.broken.store(true, Ordering::Relaxed);
        }
    }
}

// === impl Merged ===

impl Merged<'_> {
    /// Writes the rows, and the sum by which a missing one is seen.
    pub(super) fn put(self, txn: &WriteTransaction) -> Result<(), Failed> {
        let (mut rows, mut sums) = (txn.open_table(ROWS)?, txn.open_table(SUMS)?);
        if self.0.is_empty() {
            return Ok(());
        }
        let mut sum = sums.get(SUM)?.map_or(0, |sum| sum.value());
        for (key, value) in self.0 {
            let old = match value {
                Some(value) => {
                    let record = codec::seal(key, value);
                    sum ^= checksum(&record)?;
                    rows.insert(key, record.as_slice())?
                }
                None => rows.remove(key)?,
            };
            if let Some(old) = old {
                sum ^= checksum(old.value())?;
            }
        }
        sums.insert(SUM, sum)?;
        Ok(())
    }
}

/// All rows of a file, and their sum.
#[derive(Debug)]
pub(super) struct Loaded {
    pub(super) rows: Vec<(Bytes, Bytes)>,
    sum: u64,
}

impl Loaded {
    /// Reads all rows, and looks whether they are all there and whole.
    pub(super) fn read(database: &impl ReadableDatabase) -> Result<Self, Failed> {
        let (mut rows, mut sum) = (Vec::new(), 0);
        let table = match database.begin_read()?.open_table(ROWS) {
            // A file of an earlier version, with values only.
            Err(TableError::TableDoesNotExist(_)) => return Ok(Self { rows, sum }),
            table => table?,
        };
        for entry in table.iter()? {
            let (key, record) = entry?;
            let (key, record) = (key.value(), record.value());
            let value = codec::open(key, record)?;
            sum ^= checksum(record)?;
            rows.push((Bytes::copy_from_slice(key), Bytes::copy_from_slice(value)));
        }
        let loaded = Self { rows, sum };
        if !loaded.is_of(database)? {
            return Err(Failed::Corrupt("a row is missing, or of another time"));
        }
        Ok(loaded)
    }

    /// Returns whether these are the rows that are in the file now.
    pub(super) fn is_of(&self, database: &impl ReadableDatabase) -> Result<bool, Failed> {
        let sums = database.begin_read()?.open_table(SUMS)?;
        Ok(sums.get(SUM)?.map_or(0, |sum| sum.value()) == self.sum)
    }
}

/// Returns the checksum that a record begins with.
fn checksum(record: &[u8]) -> Result<u64, Failed> {
    record.first_chunk().map(|sum| u64::from_be_bytes(*sum)).ok_or(Failed::Corrupt("a record is cut"))
}

const ROWS: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("rows");
/// Where the checksums of all rows are, one over the other by exclusive or.
const SUM: &str = "rows";
