//! The store of the redis core.

mod change;
mod memory;
mod row;
mod rows;
mod table;
mod value;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use maily_errors::Result;
use maily_redis::cache::Listeners;
use maily_redis::{
    Held, Key, Listener, MemoryConfig, MemoryStore, Store, Swap, Watch, Watched, check_size, check_ttl,
};
use redb::{Database, ReadableDatabase};

use self::change::Change;
use self::row::{Row, now_ms};
use self::rows::{Loaded, RowsJournal};
use self::table::VALUES;
use self::value::{Decision, ValueChange, What};
use crate::config::RedbConfig;
use crate::error::Failed;
use crate::file::{File, blocking};

/// A redis store in one redb file: values, jobs, locks and limits outlive the process. Clones share the file.
///
/// A change is acknowledged once it is on the disk; all that wait share one commit and one fsync. After a commit that
/// failed the file has to be opened again.
///
/// **Values** ([`Store`]) are in the file only: a read sees what is on the disk, and there may be more of them than
/// memory. A time to live is measured by the clock of the system, so that it goes on while no process runs. Each change
/// also removes up to 64 values whose time is over, and all of them when the room is needed. As a [`Watch`] the store
/// has no link to lose: the listener hears of a change before it is acknowledged.
///
/// **Jobs, locks and limits** ([`Jobs`](maily_redis::jobs::Jobs), [`Leases`](maily_redis::Leases),
/// [`Limits`](maily_redis::Limits)) are in memory as well, where [`MemoryStore`] decides on them; what it decides is
/// written, and read again when the file is opened. [`MemoryConfig::restore`] says what a restart changes.
///
/// **The bus** ([`Bus`](maily_redis::bus::Bus)) brings messages to the listeners of this process. It keeps nothing, as on
/// a server.
#[derive(Clone, Debug)]
pub struct RedbStore {
    file: Arc<File<Change>>,
    listeners: Arc<Listeners>,
    limits: table::Limits,
    memory: MemoryStore,
}

/// The reading side of [`RedbStore`] whose changes are heard. Dropping it ends that.
#[derive(Debug)]
pub struct RedbWatched {
    values: RedbStore,
    number: u64,
}

// === impl RedbStore ===

impl RedbStore {
    pub(crate) async fn open(config: RedbConfig) -> Result<Self> {
        let limits = table::Limits { values: config.max_values, bytes: config.max_bytes };
        let mut memory = MemoryConfig::default();
        memory.max_jobs = config.max_jobs;
        // Before the file is opened for writing: one that is damaged is refused as it is.
        let before = File::<Change>::peek(&config, Loaded::read).await?;
        let file = Arc::new(File::open(config).await?);
        let loaded = file.read(move |database| match before {
            Some(loaded) if loaded.is_of(database)? => Ok(loaded),
            _ => Loaded::read(database),
        });
        let (rows, journal) = (loaded.await?.rows, Arc::new(RowsJournal::new(Arc::clone(&file))));
        // Not while the file is read: the journal may be the last to hold it, and closes it when it is dropped.
        let restore = move || memory.restore(rows, journal).map_err(Failed::Unexpected);
        let memory = blocking::<Change, _>("store_redb::open", restore).await?;
        Ok(Self { listeners: Arc::default(), limits, memory, file })
    }

    /// Closes the file, so that it can be opened again at once, here or in another process.
    ///
    /// Waits for what is being written and read. All clones are closed with this one: every later call answers
    /// [`Code::RedisDiskClosed`](maily_errors::Code::RedisDiskClosed), a [`claim`](maily_redis::jobs::Jobs::claim) that
    /// waits does so now, a [`Worker`](maily_redis::jobs::Worker) ends as if it was told to, a
    /// [`Guard`](maily_redis::lock::Guard) loses its lock within a third of its time to live, and what was kept near is
    /// forgotten. In the file that lock stays taken until its lease is over: release guards first. Subscriptions of the bus hear nothing any more. Calling it again is harmless.
    ///
    /// Dropping the last clone closes the file too, on the thread that does it; a guard that was not released and a
    /// worker that runs have clones.
    ///
    /// # Errors
    ///
    /// [`Code::RedisDiskFailed`](maily_errors::Code::RedisDiskFailed) or
    /// [`Code::RedisDiskCorrupt`](maily_errors::Code::RedisDiskCorrupt) when the file was not closed in order. It is
    /// closed all the same, and what was acknowledged is there when it is opened again.
    ///
    /// # Cancellation
    ///
    /// Dropping the future does not stop it.
    ///
    /// # Examples
    ///
    /// ```
    /// use maily_errors::Code;
    /// use maily_redis::{Key, Store};
    /// use maily_store_redb::RedbConfig;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let folder = tempfile::tempdir()?;
    /// let config = RedbConfig::new(folder.path().join("redis.redb"));
    /// let (store, clicks) = (config.clone().store().await?, Key::new("clicks")?);
    /// let clone = store.clone();
    /// store.increment(&clicks, 41, None).await?;
    /// store.close().await?;
    /// assert_eq!(clone.get(&clicks).await.unwrap_err().code(), Code::RedisDiskClosed);
    ///
    /// let store = config.store().await?;
    /// assert_eq!(store.increment(&clicks, 1, None).await?, 42);
    /// # Ok(())
    /// # }
    /// ```
    pub async fn close(&self) -> Result<()> {
        // Before anybody else can change what was read.
        self.listeners.lost();
        self.file.close().await
    }

    async fn change(&self, key: &Key, what: What) -> Result<Decision> {
        let (key, listeners) = (key.clone(), Arc::clone(&self.listeners));
        let change = ValueChange { key, what, limits: self.limits, listeners };
        self.file.change(Change::Value(change)).await?
    }

    async fn row(&self, key: &Key) -> Result<Option<Row>> {
        let key = key.clone();
        self.file.read(move |database| row(database, &key)).await
    }
}

impl Store for RedbStore {
    async fn get(&self, key: &Key) -> Result<Option<Bytes>> {
        Ok(self.row(key).await?.map(|row| row.value))
    }

    async fn set(&self, key: &Key, value: Bytes, ttl: Option<Duration>) -> Result<()> {
        check_size("store_redb::set", value.len())?;
        let ttl = check_ttl("store_redb::set", ttl)?;
        self.change(key, What::Set { value, ttl }).await.map(drop)
    }

    async fn compare_and_set(&self, key: &Key, swap: Swap) -> Result<bool> {
        check_size("store_redb::compare_and_set", swap.value.as_ref().map_or(0, Bytes::len))?;
        check_ttl("store_redb::compare_and_set", swap.ttl)?;
        self.change(key, What::Swap(swap)).await.map(Decision::done)
    }

    async fn increment(&self, key: &Key, by: i64, ttl: Option<Duration>) -> Result<i64> {
        let ttl = check_ttl("store_redb::increment", ttl)?;
        self.change(key, What::Increment { by, ttl }).await.map(Decision::count)
    }

    async fn expire(&self, key: &Key, ttl: Option<Duration>) -> Result<bool> {
        let ttl = check_ttl("store_redb::expire", ttl)?;
        self.change(key, What::Expire { ttl }).await.map(Decision::done)
    }

    async fn remove(&self, key: &Key) -> Result<bool> {
        self.change(key, What::Remove).await.map(Decision::done)
    }
}

impl Watch for RedbStore {
    type Watched = RedbWatched;

    fn watch(&self, listener: Listener) -> RedbWatched {
        RedbWatched { values: self.clone(), number: self.listeners.add(&listener) }
    }

    fn silence(&self) -> Duration {
        Duration::ZERO
    }
}

// === impl RedbWatched ===

impl Watched for RedbWatched {
    async fn read(&self, key: &Key) -> Result<Option<Held>> {
        let row = self.values.row(key).await?;
        Ok(row.map(|row| Held { left: row.left(now_ms()), value: row.value }))
    }
}

impl Drop for RedbWatched {
    fn drop(&mut self) {
        self.values.listeners.remove(self.number);
    }
}

/// Returns the row of a key if its time is not over.
fn row(database: &Database, key: &Key) -> std::result::Result<Option<Row>, Failed> {
    let table = database.begin_read()?.open_table(VALUES)?;
    let Some(record) = table.get(key.as_bytes())? else { return Ok(None) };
    Ok(Some(Row::decode(key.as_bytes(), record.value())?).filter(|row| row.lives(now_ms())))
}
