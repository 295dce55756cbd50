//! A store of any kind, so that what is built on it is compiled once.

use std::time::Duration;

use bytes::Bytes;
use maily_errors::Result;
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

/// A store in a file, in memory or on a server.
#[derive(Clone, Debug)]
pub(crate) enum AnyStore {
    File(RedbStore),
    Memory(MemoryStore),
    Server(ServerStore<RedisTransport>),
}

impl AnyStore {
    /// Reaches a server by its URL alone.
    pub(crate) fn at(url: String) -> Result<Self> {
        RedisConfig::new(url).build().map(Self::Server)
    }

    /// Closes the file, if the store is one.
    pub(super) async fn close(&self) -> Result<()> {
        match self {
            Self::File(store) => store.close().await,
            Self::Memory(_) | Self::Server(_) => Ok(()),
        }
    }
}

/// Writes methods that ask the store, whichever it is.
macro_rules! ask {
    ($(fn $name:ident(&self $(, $arg:ident: $type:ty)*) -> $out:ty;)*) => {
        $(async fn $name(&self $(, $arg: $type)*) -> Result<$out> {
            match self {
                Self::File(store) => store.$name($($arg),*).await,
                Self::Memory(store) => store.$name($($arg),*).await,
                Self::Server(store) => store.$name($($arg),*).await,
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
}

impl Watch for AnyStore {
    type Watched = AnyWatched;

    fn watch(&self, listener: Listener) -> AnyWatched {
        match self {
            Self::File(store) => AnyWatched::File(store.watch(listener)),
            Self::Memory(store) => AnyWatched::Memory(store.watch(listener)),
            Self::Server(store) => AnyWatched::Server(store.watch(listener)),
        }
    }

    fn silence(&self) -> Duration {
        match self {
            Self::File(store) => store.silence(),
            Self::Memory(store) => store.silence(),
            Self::Server(store) => Watch::silence(store),
        }
    }
}

impl Watched for AnyWatched {
    ask! {
        fn read(&self, key: &Key) -> Option<Held>;
    }
}
