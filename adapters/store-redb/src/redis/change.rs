//! What one commit of a store holds: changes of values, and rows of what is in memory.

use maily_errors::{Code, Error};
use redb::WriteTransaction;

use super::rows::{Merged, Rows};
use super::table::Tables;
use super::value::{Decision, ValueChange};
use crate::error::{Codes, Failed};
use crate::writer;

/// A change that waits for its commit.
#[derive(Debug)]
pub(crate) enum Change {
    Rows(Rows),
    Value(ValueChange),
}

impl writer::Change for Change {
    /// An error here is a refusal: the rest of the commit happens.
    type Answer = Result<Decision, Error>;

    const CODES: Codes = Codes {
        closed: Code::RedisDiskClosed,
        corrupt: Code::RedisDiskCorrupt,
        locked: Code::RedisDiskLocked,
        failed: Code::RedisDiskFailed,
    };
    const METRICS: [&str; 2] = ["maily_redis_disk_commit_seconds", "maily_redis_disk_commit_changes"];
    const TOGETHER: usize = 4_096;

    fn make_tables(txn: &WriteTransaction) -> Result<(), Failed> {
        Tables::open(txn)?;
        Merged::default().put(txn)
    }

    fn size(&self) -> usize {
        match self {
            Self::Rows(rows) => rows.len(),
            Self::Value(_) => 1,
        }
    }

    fn apply_all<'c>(
        changes: impl Iterator<Item = &'c Self>,
        txn: &WriteTransaction,
    ) -> Result<Vec<Self::Answer>, Failed> {
        let mut tables = Tables::open(txn)?;
        let mut merged = Merged::default();
        let answers = changes.map(|change| match change {
            Self::Rows(rows) => Ok(rows.merge(&mut merged)),
            Self::Value(value) => value.apply(&mut tables),
        });
        let answers = answers.collect::<Result<_, _>>()?;
        // The tables of values have one of its tables open.
        drop(tables);
        merged.put(txn)?;
        Ok(answers)
    }

    fn settled(&self, committed: bool) {
        match self {
            Self::Rows(rows) => rows.settled(committed),
            Self::Value(value) => value.settled(),
        }
    }
}
