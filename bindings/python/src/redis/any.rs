//! A store of any kind, so that what is built on it is compiled once.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use maily_errors::{Code, Error, Result};
use maily_redis::bus::{Bus, Channel, Subscription};
use maily_redis::jobs::{
    DeadLetter, DeadLetters, Failure, Fate, Job, JobId, Jobs, NewJob, Queue, Receipt, Stats, WorkerId,
};
use maily_redis::limit::{Quota, Verdict};
use maily_redis::lock::{Grant, Owner};
use maily_redis::{
    Held, Key, Leases, Limits, Listener, MemoryStore, ServerStore, Store, Swap, Watch, Watched,
};
use maily_store_redb::{RedbStore, RedbWatched};
use maily_store_redis::{RedisConfig, RedisTransport};

use crate::runtime::Here;

/// A store in a file, in memory or on a server.
#[derive(Clone, Debug)]
pub(crate) enum AnyStore {
    /// A file has one writer: the process that opened it.
    File(Arc<Here<RedbStore>>),
    Memory(MemoryStore),
    Server(Arc<Server>),
}

impl AnyStore {
    pub(super) fn file(store: RedbStore) -> Self {
        Self::File(Arc::new(Here::new(store)))
    }

    /// Reaches a server.
    pub(super) fn server(config: RedisConfig) -> Result<Self> {
        Server::new(config).map(|server| Self::Server(Arc::new(server)))
    }

    /// Reaches a server by its URL alone.
    pub(crate) fn at(url: String) -> Result<Self> {
        Self::server(RedisConfig::new(url))
    }

    /// Refuses a store that is of no use in this process.
    pub(super) fn check(&self) -> Result<()> {
        match self {
            Self::File(store) => store.get().map(drop),
            Self::Memory(_) => Ok(()),
            Self::Server(server) => server.get().map(drop),
        }
    }

    /// Closes the file, if the store is one.
    pub(super) async fn close(&self) -> Result<()> {
        match self {
            Self::File(store) => store.get()?.close().await,
            Self::Memory(_) | Self::Server(_) => Ok(()),
        }
    }
}

/// A server, over connections of this process.
#[derive(Debug)]
pub(crate) struct Server {
    config: RedisConfig,
    store: Here<ServerStore<RedisTransport>>,
    /// Over those of a child, once a fork has made one and it has asked.
    child: OnceLock<Box<Self>>,
}

impl Server {
    fn new(config: RedisConfig) -> Result<Self> {
        let store = Here::new(config.build()?);
        Ok(Self { config, store, child: OnceLock::new() })
    }

    fn get(&self) -> Result<&ServerStore<RedisTransport>> {
        match (self.store.get(), self.child.get()) {
            (Ok(store), _) => Ok(store),
            (Err(_), Some(child)) => child.get(),
            (Err(_), None) => {
                let child = Self::new(self.config.clone())?;
                self.child.get_or_init(|| Box::new(child)).get()
            }
        }
    }
}

/// Writes methods that ask the store, whichever it is.
macro_rules! ask {
    ($(fn $name:ident(&self $(, $arg:ident: $type:ty)*) -> $out:ty;)*) => {
        $(async fn $name(&self $(, $arg: $type)*) -> Result<$out> {
            match self {
                Self::File(store) => store.get()?.$name($($arg),*).await,
                Self::Memory(store) => store.$name($($arg),*).await,
                Self::Server(server) => server.get()?.$name($($arg),*).await,
            }
        })*
    };
}

impl Store for AnyStore {
    ask! {
        fn get(&self, key: &Key) -> Option<Bytes>;
        fn set(&self, key: &Key, value: Bytes, ttl: Option<Duration>) -> ();
        fn compare_and_set(&self, key: &Key, swap: Swap) -> bool;
        fn increment(&self, key: &Key, by: i64, ttl: Option<Duration>) -> i64;
        fn expire(&self, key: &Key, ttl: Option<Duration>) -> bool;
        fn remove(&self, key: &Key) -> bool;
    }
}

impl Leases for AnyStore {
    ask! {
        fn acquire(&self, name: &Key, owner: Owner, ttl: Duration, patience: Duration) -> Grant;
        fn renew(&self, name: &Key, owner: Owner, ttl: Duration) -> bool;
        fn release(&self, name: &Key, owner: Owner) -> bool;
    }
}

impl Limits for AnyStore {
    ask! {
        fn take(&self, name: &Key, quota: Quota, cost: u32) -> Verdict;
    }
}

impl Jobs for AnyStore {
    ask! {
        fn append(&self, queue: &Queue, job: NewJob) -> JobId;
        fn claim(&self, queue: &Queue, worker: &WorkerId, max: usize, wait: Duration) -> Vec<Job>;
        fn ack(&self, queue: &Queue, receipts: &[Receipt]) -> usize;
        fn extend(&self, queue: &Queue, worker: &WorkerId, receipts: &[Receipt]) -> Vec<Receipt>;
        fn fail(&self, queue: &Queue, worker: &WorkerId, receipt: &Receipt, failure: Failure) -> Fate;
        fn stats(&self, queue: &Queue) -> Stats;
    }
}

impl DeadLetters for AnyStore {
    ask! {
        fn dead(&self, queue: &Queue, after: Option<&Receipt>, max: usize) -> Vec<DeadLetter>;
        fn requeue(&self, queue: &Queue, receipts: &[Receipt]) -> usize;
        fn discard(&self, queue: &Queue, receipts: &[Receipt]) -> usize;
    }
}

impl Bus for AnyStore {
    ask! {
        fn publish(&self, channel: &Channel, message: Bytes) -> ();
        fn subscribe(&self, channel: &Channel, buffer: usize) -> Subscription;
    }
}

/// What is read and watched in a store of any kind.
pub(crate) enum AnyWatched {
    File(RedbWatched),
    Memory(<MemoryStore as Watch>::Watched),
    Server(<ServerStore<RedisTransport> as Watch>::Watched),
    /// The store is of no use in this process, as [`AnyStore::check`] said.
    Unusable,
}

impl Watch for AnyStore {
    type Watched = AnyWatched;

    fn watch(&self, listener: Listener) -> AnyWatched {
        let unusable = |_| AnyWatched::Unusable;
        match self {
            Self::File(store) => {
                store.get().map_or_else(unusable, |store| AnyWatched::File(store.watch(listener)))
            }
            Self::Memory(store) => AnyWatched::Memory(store.watch(listener)),
            Self::Server(server) => {
                server.get().map_or_else(unusable, |store| AnyWatched::Server(store.watch(listener)))
            }
        }
    }

    fn silence(&self) -> Duration {
        match self {
            Self::File(store) => store.get().map_or(Duration::ZERO, Watch::silence),
            Self::Memory(store) => store.silence(),
            Self::Server(server) => server.get().map_or(Duration::ZERO, Watch::silence),
        }
    }
}

impl Watched for AnyWatched {
    async fn read(&self, key: &Key) -> Result<Option<Held>> {
        match self {
            Self::File(watched) => watched.read(key).await,
            Self::Memory(watched) => watched.read(key).await,
            Self::Server(watched) => watched.read(key).await,
            Self::Unusable => Err(Error::new(Code::Unsupported, "the store is of no use in this process")),
        }
    }
}
