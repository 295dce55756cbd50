//! The documents of a canvas.

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use maily_canvas::DocumentName;
use maily_canvas::model::Stored;
use maily_canvas::port::DocStore;
use maily_errors::{Code, Error};
use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition, WriteTransaction};

use crate::codec;
use crate::error::{Codes, Failed};
use crate::file::File;
use crate::writer;

/// Documents in one redb file.
#[derive(Debug)]
pub struct RedbDocuments(pub(crate) File<Change>);

impl DocStore for RedbDocuments {
    fn append<'a>(
        &'a self,
        document: &'a DocumentName,
        updates: Vec<Bytes>,
    ) -> BoxFuture<'a, Result<u64, Error>> {
        self.0.change(Change::Append { document: document.clone(), updates }).boxed()
    }

    fn load<'a>(&'a self, document: &'a DocumentName) -> BoxFuture<'a, Result<Option<Stored>, Error>> {
        let document = document.clone();
        self.0.read(move |database| load(database, document.as_str())).boxed()
    }

    fn compact<'a>(
        &'a self,
        document: &'a DocumentName,
        upto: u64,
        snapshot: Bytes,
    ) -> BoxFuture<'a, Result<(), Error>> {
        let change = Change::Compact { document: document.clone(), upto, snapshot };
        async move { self.0.change(change).await.map(drop) }.boxed()
    }

    fn list(&self) -> BoxFuture<'_, Result<Vec<DocumentName>, Error>> {
        self.0.read(list).boxed()
    }

    fn remove<'a>(&'a self, document: &'a DocumentName) -> BoxFuture<'a, Result<bool, Error>> {
        let change = Change::Remove { document: document.clone() };
        async move { self.0.change(change).await.map(|removed| removed > 0) }.boxed()
    }
}

/// A change of the documents. It answers the last sequence number, or how many documents it removed.
#[derive(Debug)]
pub(crate) enum Change {
    Append { document: DocumentName, updates: Vec<Bytes> },
    Compact { document: DocumentName, upto: u64, snapshot: Bytes },
    Remove { document: DocumentName },
}

impl writer::Change for Change {
    type Answer = u64;

    const CODES: Codes = Codes {
        closed: Code::StoreFailed,
        corrupt: Code::StoreCorrupt,
        locked: Code::StoreLocked,
        failed: Code::StoreFailed,
    };
    const METRICS: [&str; 2] = ["maily_store_commit_seconds", "maily_store_commit_changes"];
    const TOGETHER: usize = 1_024;

    fn make_tables(txn: &WriteTransaction) -> Result<(), Failed> {
        txn.open_table(LOG)?;
        txn.open_table(SNAPSHOT)?;
        txn.open_table(HEAD)?;
        Ok(())
    }

    fn size(&self) -> usize {
        1
    }

    fn apply_all<'c>(
        changes: impl Iterator<Item = &'c Self>,
        txn: &WriteTransaction,
    ) -> Result<Vec<u64>, Failed> {
        changes.map(|change| change.apply(txn)).collect()
    }
}

impl Change {
    fn apply(&self, txn: &WriteTransaction) -> Result<u64, Failed> {
        match self {
            Self::Append { document, updates } => {
                let document = document.as_str();
                let mut heads = txn.open_table(HEAD)?;
                let mut log = txn.open_table(LOG)?;
                let mut last = heads.get(document)?.map_or(0, |number| number.value());
                for update in updates {
                    last += 1;
                    log.insert((document, last), codec::seal(&place(document, last), update).as_slice())?;
                }
                heads.insert(document, last)?;
                Ok(last)
            }
            Self::Compact { document, upto, snapshot } => {
                let document = document.as_str();
                let last = txn.open_table(HEAD)?.get(document)?.map_or(0, |number| number.value());
                let mut snapshots = txn.open_table(SNAPSHOT)?;
                let covered = snapshots.get(document)?.map_or(0, |stored| stored.value().0);
                // Late, or of a document that was removed meanwhile.
                if *upto <= covered || *upto > last {
                    return Ok(last);
                }
                let record = codec::seal(&place(document, *upto), snapshot);
                snapshots.insert(document, (*upto, record.as_slice()))?;
                txn.open_table(LOG)?.retain_in((document, 0)..=(document, *upto), |_, _| false)?;
                Ok(last)
            }
            Self::Remove { document } => {
                let document = document.as_str();
                let existed = txn.open_table(HEAD)?.remove(document)?.is_some();
                txn.open_table(SNAPSHOT)?.remove(document)?;
                txn.open_table(LOG)?.retain_in((document, 0)..=(document, u64::MAX), |_, _| false)?;
                Ok(u64::from(existed))
            }
        }
    }
}

fn load(database: &Database, document: &str) -> Result<Option<Stored>, Failed> {
    let txn = database.begin_read()?;
    let Some(last) = txn.open_table(HEAD)?.get(document)?.map(|number| number.value()) else {
        return Ok(None);
    };
    let snapshot = match txn.open_table(SNAPSHOT)?.get(document)? {
        Some(stored) => {
            let (covered, record) = stored.value();
            Some((covered, decode(document, covered, record)?))
        }
        None => None,
    };
    let covered = snapshot.as_ref().map_or(0, |(covered, _)| *covered);
    let mut updates = Vec::new();
    for (expected, entry) in
        (covered + 1..).zip(txn.open_table(LOG)?.range((document, 0)..=(document, u64::MAX))?)
    {
        let (key, record) = entry?;
        let (_, number) = key.value();
        if number != expected {
            return Err(Failed::Corrupt("an update is missing from the log"));
        }
        updates.push(decode(document, number, record.value())?);
    }
    if covered + updates.len() as u64 != last {
        return Err(Failed::Corrupt("the end of the log is missing"));
    }
    Ok(Some(Stored::new(snapshot.map(|(_, bytes)| bytes), updates, last)))
}

fn list(database: &Database) -> Result<Vec<DocumentName>, Failed> {
    let txn = database.begin_read()?;
    let mut names = Vec::new();
    for entry in txn.open_table(HEAD)?.iter()? {
        let (key, _) = entry?;
        let name = key.value().parse().map_err(|_| Failed::Corrupt("a document name is damaged"))?;
        names.push(name);
    }
    Ok(names)
}

fn decode(document: &str, number: u64, record: &[u8]) -> Result<Bytes, Failed> {
    codec::open(&place(document, number), record).map(Bytes::copy_from_slice)
}

/// A name has no zero byte, so document and number cannot run into each other.
fn place(document: &str, number: u64) -> Vec<u8> {
    [document.as_bytes(), &[0], &number.to_be_bytes()].concat()
}

const LOG: TableDefinition<'_, (&str, u64), &[u8]> = TableDefinition::new("log");
const SNAPSHOT: TableDefinition<'_, &str, (u64, &[u8])> = TableDefinition::new("snapshot");
const HEAD: TableDefinition<'_, &str, u64> = TableDefinition::new("head");
