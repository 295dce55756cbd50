//! The values of the redis core.

mod change;
mod memory;
mod row;
mod table;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use maily_errors::Result;
use maily_redis::cache::Listeners;
use maily_redis::{Held, Key, Listener, MemoryStore, Store, Swap, Watch, Watched, check_size, check_ttl};
use redb::{Database, ReadableDatabase};

use self::change::{Change, Decision, What};
use self::row::{Row, now_ms};
use self::table::VALUES;
use crate::config::RedbConfig;
use crate::error::Failed;
use crate::file::File;

/// Values under keys in one redb file: a [`Store`] that survives the process. Clones share the file.
///
/// A change is acknowledged once it is on the disk; all that wait share one commit and one fsync. A read sees only what
/// is on the disk. A time to live is measured by the clock of the system, so that it goes on while no process runs.
/// Each change also removes up to 64 values whose time is over, and all of them when the room is needed.
///
/// Locks and limits ([`Leases`](maily_redis::Leases), [`Limits`](maily_redis::Limits)) are in the memory of the process:
/// no other one can have the file open, so there is nobody else to agree with. Tokens of locks grow past a restart.
///
/// As a [`Watch`] it has no link to lose: the listener hears of a change before it is acknowledged.
#[derive(Clone, Debug)]
pub struct RedbValues {
    file: Arc<File<Change>>,
    listeners: Arc<Listeners>,
    limits: table::Limits,
    memory: MemoryStore,
}

/// The reading side of [`RedbValues`] whose changes are heard. Dropping it ends that.
#[derive(Debug)]
pub struct RedbWatched {
    values: RedbValues,
    number: u64,
}

// === impl RedbValues ===

impl RedbValues {
    pub(crate) async fn open(config: RedbConfig) -> Result<Self> {
        let limits = table::Limits { values: config.max_values, bytes: config.max_bytes };
        let file = Arc::new(File::open(config).await?);
        Ok(Self { file, listeners: Arc::default(), limits, memory: MemoryStore::default() })
    }

    async fn change(&self, key: &Key, what: What) -> Result<Decision> {
        let change =
            Change { key: key.clone(), what, limits: self.limits, listeners: Arc::clone(&self.listeners) };
        self.file.change(change).await?
    }

    async fn row(&self, key: &Key) -> Result<Option<Row>> {
        let key = key.clone();
        self.file.read(move |database| row(database, &key)).await
    }
}

impl Store for RedbValues {
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

impl Watch for RedbValues {
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
