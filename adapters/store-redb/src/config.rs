//! Where a file is, and which port it serves.

use std::path::PathBuf;

use maily_errors::Error;
use serde::Deserialize;

use crate::file::File;
use crate::{RedbDocuments, RedbEvents, RedbMemories, RedbStore};

/// Settings of one file, which serves one port. Unknown fields are an error.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
#[non_exhaustive]
#[serde(deny_unknown_fields)]
pub struct RedbConfig {
    /// The file; its folder is made if it is missing.
    pub path: PathBuf,
    /// Bytes of pages kept in memory. Default 32 MiB.
    #[serde(default = "default_cache_bytes")]
    pub cache_bytes: usize,
    /// The most values of a redis store at one time; one more is refused. Default 10 000 000.
    #[serde(default = "default_max_values")]
    pub max_values: u64,
    /// The most bytes of all keys and values of a redis store together; one more is refused. Default 64 GiB.
    #[serde(default = "default_max_bytes")]
    pub max_bytes: u64,
    /// The most jobs in one queue of a redis store, and the most idempotency keys of one; one more is refused. They are
    /// in memory as well. Default 1 000 000.
    #[serde(default = "default_max_jobs")]
    pub max_jobs: usize,
}

impl RedbConfig {
    /// Creates settings for this file.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            cache_bytes: default_cache_bytes(),
            max_values: default_max_values(),
            max_bytes: default_max_bytes(),
            max_jobs: default_max_jobs(),
        }
    }

    /// Sets how many bytes of pages are kept in memory.
    #[must_use]
    pub const fn with_cache_bytes(mut self, bytes: usize) -> Self {
        self.cache_bytes = bytes;
        self
    }

    /// Opens the documents of a canvas, and makes the file if there is none.
    ///
    /// # Errors
    ///
    /// - [`Code::StoreCorrupt`](maily_errors::Code::StoreCorrupt) when the file is not a store, or is damaged; it stays
    ///   as it is.
    /// - [`Code::StoreLocked`](maily_errors::Code::StoreLocked) when another process has it open.
    /// - [`Code::StoreFailed`](maily_errors::Code::StoreFailed) when it cannot be read or made.
    pub async fn documents(self) -> Result<RedbDocuments, Error> {
        File::open(self).await.map(RedbDocuments)
    }

    /// Opens a redis store, and makes the file if there is none.
    ///
    /// Reads all jobs, locks and limits, in O(n); values stay on the disk.
    ///
    /// # Errors
    ///
    /// - [`Code::RedisDiskCorrupt`](maily_errors::Code::RedisDiskCorrupt) when the file is not a store, or is damaged;
    ///   it stays as it is.
    /// - [`Code::RedisDiskLocked`](maily_errors::Code::RedisDiskLocked) when another process has it open.
    /// - [`Code::RedisDiskFailed`](maily_errors::Code::RedisDiskFailed) when it cannot be read or made.
    pub async fn store(self) -> Result<RedbStore, Error> {
        RedbStore::open(self).await
    }

    /// Opens the memories of a mesh, and makes the file if there is none.
    ///
    /// # Errors
    ///
    /// - [`Code::MemoryStoreCorrupt`](maily_errors::Code::MemoryStoreCorrupt) when the file is not a store, or is damaged;
    ///   it stays as it is.
    /// - [`Code::MemoryStoreLocked`](maily_errors::Code::MemoryStoreLocked) when another process has it open.
    /// - [`Code::MemoryStoreFailed`](maily_errors::Code::MemoryStoreFailed) when it cannot be read or made.
    pub async fn memories(self) -> Result<RedbMemories, Error> {
        File::open(self).await.map(RedbMemories)
    }

    /// Opens the event log, and makes the file if there is none.
    ///
    /// # Errors
    ///
    /// - [`Code::EventsStoreCorrupt`](maily_errors::Code::EventsStoreCorrupt) when the file is not an event log, or is
    ///   damaged; it stays as it is.
    /// - [`Code::EventsStoreLocked`](maily_errors::Code::EventsStoreLocked) when another process has it open.
    /// - [`Code::EventsStoreFailed`](maily_errors::Code::EventsStoreFailed) when it cannot be read or made.
    pub async fn events(self) -> Result<RedbEvents, Error> {
        File::open(self).await.map(RedbEvents)
    }
}

const fn default_cache_bytes() -> usize {
    32 * 1024 * 1024
}

const fn default_max_values() -> u64 {
    10_000_000
}

const fn default_max_bytes() -> u64 {
    64 << 30
}

const fn default_max_jobs() -> usize {
    1_000_000
}
