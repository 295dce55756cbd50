//! The store.

use std::fs::{self, File};
use std::io::{self, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use maily_canvas::DocumentName;
use maily_canvas::model::Stored;
use maily_canvas::port::DocStore;
use maily_errors::{Code, Error};
use redb::{Database, ReadableDatabase, ReadableTable};

use crate::codec;
use crate::config::RedbConfig;
use crate::error::Failed;
use crate::writer::{Change, HEAD, LOG, SNAPSHOT, Writer};

/// Documents in one redb file.
#[derive(Debug)]
pub struct RedbStore {
    // Before the database: its thread ends first.
    writer: Writer,
    database: Arc<Database>,
}

impl RedbStore {
    pub(crate) fn open(config: &RedbConfig) -> Result<Self, Error> {
        // A damaged file can panic in redb; to the caller that is damage like any other.
        let opened = catch_unwind(AssertUnwindSafe(|| open(config)));
        let result = opened.unwrap_or_else(|_| Err(Failed::corrupt("the file cannot be read")));
        result.map_err(|Failed(err)| {
            err.with_operation("store_redb::open").with_context("path", config.path.display())
        })
    }

    async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Database) -> Result<T, Failed> + Send + 'static,
    ) -> Result<T, Error> {
        let database = Arc::clone(&self.database);
        let work = move || {
            catch_unwind(AssertUnwindSafe(|| read(&database)))
                .unwrap_or_else(|_| Err(Failed::corrupt("the file cannot be read")))
        };
        match tokio::task::spawn_blocking(work).await {
            Ok(result) => result.map_err(|Failed(err)| err.with_operation("store_redb::read")),
            Err(_) => Err(Error::from(Code::Unexpected).with_operation("store_redb::read")),
        }
    }
}

impl DocStore for RedbStore {
    fn append<'a>(
        &'a self,
        document: &'a DocumentName,
        updates: Vec<Bytes>,
    ) -> BoxFuture<'a, Result<u64, Error>> {
        self.writer.change(Change::Append { document: document.clone(), updates }).boxed()
    }

    fn load<'a>(&'a self, document: &'a DocumentName) -> BoxFuture<'a, Result<Option<Stored>, Error>> {
        let document = document.clone();
        self.read(move |database| load(database, document.as_str())).boxed()
    }

    fn compact<'a>(
        &'a self,
        document: &'a DocumentName,
        upto: u64,
        snapshot: Bytes,
    ) -> BoxFuture<'a, Result<(), Error>> {
        let change = Change::Compact { document: document.clone(), upto, snapshot };
        async move { self.writer.change(change).await.map(drop) }.boxed()
    }

    fn list(&self) -> BoxFuture<'_, Result<Vec<DocumentName>, Error>> {
        self.read(list).boxed()
    }

    fn remove<'a>(&'a self, document: &'a DocumentName) -> BoxFuture<'a, Result<bool, Error>> {
        let change = Change::Remove { document: document.clone() };
        async move { self.writer.change(change).await.map(|removed| removed > 0) }.boxed()
    }
}

fn open(config: &RedbConfig) -> Result<RedbStore, Failed> {
    if let Some(folder) = config.path.parent() {
        fs::create_dir_all(folder)?;
    }
    check_magic(&config.path)?;
    let database = Database::builder().set_cache_size(config.cache_bytes).create(&config.path)?;
    let txn = database.begin_write()?;
    txn.open_table(LOG)?;
    txn.open_table(SNAPSHOT)?;
    txn.open_table(HEAD)?;
    txn.commit()?;
    let database = Arc::new(database);
    Ok(RedbStore { writer: Writer::start(Arc::clone(&database))?, database })
}

/// Looks at the first bytes, so that a file that is something else is not even opened for writing.
fn check_magic(path: &Path) -> Result<(), Failed> {
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(err) if err.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(err) => return Err(err.into()),
    };
    if file.metadata()?.len() == 0 {
        return Ok(());
    }
    let mut magic = [0; MAGIC.len()];
    match file.read_exact(&mut magic) {
        Ok(()) if magic == *MAGIC => Ok(()),
        _ => Err(Failed::corrupt("the file is not a store")),
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
            Some((covered, codec::open(document, covered, record)?))
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
            return Err(Failed::corrupt("an update is missing from the log"));
        }
        updates.push(codec::open(document, number, record.value())?);
    }
    if covered + updates.len() as u64 != last {
        return Err(Failed::corrupt("the end of the log is missing"));
    }
    Ok(Some(Stored::new(snapshot.map(|(_, bytes)| bytes), updates, last)))
}

fn list(database: &Database) -> Result<Vec<DocumentName>, Failed> {
    let txn = database.begin_read()?;
    let mut names = Vec::new();
    for entry in txn.open_table(HEAD)?.iter()? {
        let (key, _) = entry?;
        let name = key.value().parse().map_err(|_| Failed::corrupt("a document name is damaged"))?;
        names.push(name);
    }
    Ok(names)
}

/// The first bytes of every redb file. Source: redb `docs/design.md`, "Database header".
const MAGIC: &[u8; 9] = b"redb\x1A\x0A\xA9\x0D\x0A";
