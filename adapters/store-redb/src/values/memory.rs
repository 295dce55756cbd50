//! What is not in the file: locks and limits are among the tasks of the one process that has it open.

use std::time::Duration;

use maily_errors::Result;
use maily_redis::limit::{Quota, Verdict};
use maily_redis::lock::{Grant, Owner};
use maily_redis::{Key, Leases, Limits};

use super::RedbValues;

impl Leases for RedbValues {
    async fn acquire(&self, name: &Key, owner: Owner, ttl: Duration, patience: Duration) -> Result<Grant> {
        self.memory.acquire(name, owner, ttl, patience).await
    }

    async fn renew(&self, name: &Key, owner: Owner, ttl: Duration) -> Result<bool> {
        self.memory.renew(name, owner, ttl).await
    }

    async fn release(&self, name: &Key, owner: Owner) -> Result<bool> {
        self.memory.release(name, owner).await
    }
}

impl Limits for RedbValues {
    async fn take(&self, name: &Key, quota: Quota, cost: u32) -> Result<Verdict> {
        self.memory.take(name, quota, cost).await
    }
}
