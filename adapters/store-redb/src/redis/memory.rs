//! What a store has in memory and writes down: the semantics are those of [`MemoryStore`](maily_redis::MemoryStore).

use std::time::Duration;

use bytes::Bytes;
use maily_errors::{Code, Error, Result};
use maily_redis::bus::{Bus, Channel, Subscription};
use maily_redis::jobs::{
    DeadLetter, DeadLetters, Failure, Fate, Job, JobId, Jobs, NewJob, Queue, Receipt, Stats, WorkerId,
};
use maily_redis::limit::{Quota, Verdict};
use maily_redis::lock::{Grant, Owner};
use maily_redis::{Key, Leases, Limits};

use super::RedbStore;

/// Writes methods that ask the memory, until the file is closed.
macro_rules! ask {
    ($(fn $name:ident(&self $(, $arg:ident: $type:ty)*) -> $out:ty;)*) => {
        $(async fn $name(&self $(, $arg: $type)*) -> Result<$out> {
            self.file.check(concat!("store_redb::", stringify!($name)))?;
            self.memory.$name($($arg),*).await
        })*
    };
}

impl Leases for RedbStore {
    ask! {
        fn acquire(&self, name: &Key, owner: Owner, ttl: Duration, patience: Duration) -> Grant;
        fn renew(&self, name: &Key, owner: Owner, ttl: Duration) -> bool;
        fn release(&self, name: &Key, owner: Owner) -> bool;
    }
}

impl Limits for RedbStore {
    ask! {
        fn take(&self, name: &Key, quota: Quota, cost: u32) -> Verdict;
    }
}

impl Jobs for RedbStore {
    ask! {
        fn append(&self, queue: &Queue, job: NewJob) -> JobId;
        fn ack(&self, queue: &Queue, receipts: &[Receipt]) -> usize;
        fn extend(&self, queue: &Queue, worker: &WorkerId, receipts: &[Receipt]) -> Vec<Receipt>;
        fn fail(&self, queue: &Queue, worker: &WorkerId, receipt: &Receipt, failure: Failure) -> Fate;
        fn stats(&self, queue: &Queue) -> Stats;
    }

    async fn claim(&self, queue: &Queue, worker: &WorkerId, max: usize, wait: Duration) -> Result<Vec<Job>> {
        let operation = "store_redb::claim";
        self.file.check(operation)?;
        tokio::select! {
            biased;
            // First: jobs whose claim was written before the file was closed are handed out.
            jobs = self.memory.claim(queue, worker, max, wait) => jobs,
            () = self.file.ended() => Err(Error::from(Code::RedisDiskClosed).with_operation(operation)),
        }
    }
}

impl DeadLetters for RedbStore {
    ask! {
        fn dead(&self, queue: &Queue, after: Option<&Receipt>, max: usize) -> Vec<DeadLetter>;
        fn requeue(&self, queue: &Queue, receipts: &[Receipt]) -> usize;
        fn discard(&self, queue: &Queue, receipts: &[Receipt]) -> usize;
    }
}

impl Bus for RedbStore {
    ask! {
        fn publish(&self, channel: &Channel, message: Bytes) -> ();
        fn subscribe(&self, channel: &Channel, buffer: usize) -> Subscription;
    }
}
