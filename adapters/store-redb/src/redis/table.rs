//! The tables of one commit: values, what ends when, and how many bytes there are.

use maily_errors::{Code, Error, Public};
use redb::{ReadableTable, ReadableTableMetadata, Table, TableDefinition, WriteTransaction};

use super::row::Row;
use crate::error::Failed;

/// How much the file may hold.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub(super) values: u64,
    pub(super) bytes: u64,
}

/// The tables, open for a change.
pub(super) struct Tables<'txn> {
    values: Table<'txn, &'static [u8], &'static [u8]>,
    ends: Table<'txn, (u64, &'static [u8]), ()>,
    sums: Table<'txn, &'static str, u64>,
}

impl<'txn> Tables<'txn> {
    pub(super) fn open(txn: &'txn WriteTransaction) -> Result<Self, Failed> {
        Ok(Self { values: txn.open_table(VALUES)?, ends: txn.open_table(ENDS)?, sums: txn.open_table(SUMS)? })
    }

    pub(super) fn get(&self, key: &[u8]) -> Result<Option<Row>, Failed> {
        self.values.get(key)?.map(|record| Row::decode(key, record.value())).transpose()
    }

    /// Stores a row where `old` is now, unless that is over a limit.
    pub(super) fn put(
        &mut self,
        key: &[u8],
        old: Option<&Row>,
        row: &Row,
        limits: Limits,
        now_ms: u64,
    ) -> Result<Result<(), Error>, Failed> {
        if !self.fits(key, old, row, limits)? {
            self.free(now_ms, usize::MAX)?;
            // What was there may have been among it.
            let old = self.get(key)?;
            if !self.fits(key, old.as_ref(), row, limits)? {
                return Ok(Err(full(limits)));
            }
            return self.put_at(key, old.as_ref(), row).map(Ok);
        }
        self.put_at(key, old, row).map(Ok)
    }

    /// Removes the row that is there now.
    pub(super) fn remove(&mut self, key: &[u8], old: &Row) -> Result<(), Failed> {
        self.values.remove(key)?;
        if let Some(ends) = old.ends_ms {
            self.ends.remove((ends, key))?;
        }
        self.add_bytes(-size(key, old))
    }

    /// Removes up to `most` rows whose time is over.
    pub(super) fn free(&mut self, now_ms: u64, most: usize) -> Result<(), Failed> {
        for _ in 0..most {
            let Some((first, _)) = self.ends.first()? else { break };
            let (ends, key) = first.value();
            if ends > now_ms {
                break;
            }
            let key = key.to_vec();
            drop(first);
            let row = self.get(&key)?.ok_or(Failed::Corrupt("a value that ends is missing"))?;
            if row.ends_ms != Some(ends) {
                return Err(Failed::Corrupt("a value ends at another time"));
            }
            self.remove(&key, &row)?;
        }
        Ok(())
    }

    fn fits(&self, key: &[u8], old: Option<&Row>, row: &Row, limits: Limits) -> Result<bool, Failed> {
        let more = size(key, row) - old.map_or(0, |old| size(key, old));
        let few = old.is_some() || self.values.len()? < limits.values;
        Ok(few && (more <= 0 || self.bytes()?.saturating_add_signed(more) <= limits.bytes))
    }

    fn put_at(&mut self, key: &[u8], old: Option<&Row>, row: &Row) -> Result<(), Failed> {
        if let Some(ends) = old.and_then(|old| old.ends_ms) {
            self.ends.remove((ends, key))?;
        }
        if let Some(ends) = row.ends_ms {
            self.ends.insert((ends, key), ())?;
        }
        self.values.insert(key, row.encode(key).as_slice())?;
        self.add_bytes(size(key, row) - old.map_or(0, |old| size(key, old)))
    }

    fn bytes(&self) -> Result<u64, Failed> {
        Ok(self.sums.get(BYTES)?.map_or(0, |bytes| bytes.value()))
    }

    fn add_bytes(&mut self, more: i64) -> Result<(), Failed> {
        if more != 0 {
            let bytes = self.bytes()?.saturating_add_signed(more);
            self.sums.insert(BYTES, bytes)?;
        }
        Ok(())
    }
}

/// Key and value; a value has at most 64 MiB.
fn size(key: &[u8], row: &Row) -> i64 {
    (key.len() + row.value.len()) as i64
}

fn full(limits: Limits) -> Error {
    Error::new(Code::RedisStoreFull, "the store on disk is full")
        .with_operation("store_redb::values")
        .with_context("limit", Public(limits.values))
        .with_context("limit_bytes", Public(limits.bytes))
}

pub(super) const VALUES: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("values");
const ENDS: TableDefinition<'_, (u64, &[u8]), ()> = TableDefinition::new("ends");
pub(super) const SUMS: TableDefinition<'_, &str, u64> = TableDefinition::new("sums");
const BYTES: &str = "bytes";
