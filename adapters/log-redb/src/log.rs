//! The log.

use std::fs::{self, File};
use std::io::{self, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;

use maily_analytics::model::{Event, Seq, Stored};
use maily_analytics::port::{Appended, EventLog};
use maily_errors::{Code, Error};
use redb::{Database, ReadableDatabase, ReadableTable};

use crate::codec;
use crate::config::RedbConfig;
use crate::error::Failed;
use crate::writer::{EVENTS, KNOWN, Writer};

/// Events in one redb file.
#[derive(Debug)]
pub struct RedbLog {
    // Before the database: its thread ends first.
    writer: Writer,
    database: Arc<Database>,
}

impl RedbLog {
    pub(crate) fn open(config: &RedbConfig) -> Result<Self, Error> {
        caught(|| open(config)).map_err(|Failed(err)| {
            err.with_operation("log_redb::open").with_context("path", config.path.display())
        })
    }

    async fn look<T: Send + 'static>(
        &self,
        look: impl FnOnce(&Database) -> Result<T, Failed> + Send + 'static,
    ) -> Result<T, Error> {
        let database = Arc::clone(&self.database);
        match tokio::task::spawn_blocking(move || caught(|| look(&database))).await {
            Ok(result) => result.map_err(|Failed(err)| err.with_operation("log_redb::read")),
            Err(_) => Err(Error::from(Code::Unexpected).with_operation("log_redb::read")),
        }
    }
}

impl EventLog for RedbLog {
    async fn append(&self, events: Vec<Event>) -> Result<Vec<Appended>, Error> {
        if events.is_empty() {
            return Ok(Vec::new());
        }
        self.writer.append(events).await
    }

    async fn read(&self, after: Seq, limit: usize) -> Result<Vec<Stored>, Error> {
        self.look(move |database| read(database, after, limit)).await
    }

    async fn last(&self) -> Result<Seq, Error> {
        self.look(|database| Ok(Seq(last(&database.begin_read()?.open_table(EVENTS)?)?))).await
    }
}

/// Returns the newest position in the table of events, or 0.
pub(crate) fn last(events: &impl ReadableTable<u64, &'static [u8]>) -> Result<u64, Failed> {
    Ok(events.last()?.map_or(0, |(position, _)| position.value()))
}

/// Runs it; a damaged file can panic in redb, and to the caller that is damage like any other.
pub(crate) fn caught<T>(run: impl FnOnce() -> Result<T, Failed>) -> Result<T, Failed> {
    catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|_| Err(Failed::corrupt("the file cannot be read")))
}

fn open(config: &RedbConfig) -> Result<RedbLog, Failed> {
    if let Some(folder) = config.path.parent() {
        fs::create_dir_all(folder)?;
    }
    check_magic(&config.path)?;
    let database = Database::builder().set_cache_size(config.cache_bytes).create(&config.path)?;
    let txn = database.begin_write()?;
    txn.open_table(EVENTS)?;
    txn.open_table(KNOWN)?;
    txn.commit()?;
    let database = Arc::new(database);
    Ok(RedbLog { writer: Writer::start(Arc::clone(&database))?, database })
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
        _ => Err(Failed::corrupt("the file is not an event log")),
    }
}

fn read(database: &Database, after: Seq, limit: usize) -> Result<Vec<Stored>, Failed> {
    let events = database.begin_read()?.open_table(EVENTS)?;
    let mut page = Vec::new();
    for (expected, entry) in
        (after.0.saturating_add(1)..).zip(events.range(after.0.saturating_add(1)..)?).take(limit)
    {
        let (position, record) = entry?;
        if position.value() != expected {
            return Err(Failed::corrupt("an event is missing from the log"));
        }
        let event = Arc::new(codec::open(expected, record.value())?);
        page.push(Stored { seq: Seq(expected), event });
    }
    Ok(page)
}

/// The first bytes of every redb file. Source: redb `docs/design.md`, "Database header".
const MAGIC: &[u8; 9] = b"redb\x1A\x0A\xA9\x0D\x0A";
