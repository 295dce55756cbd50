//! Where a file is, and which port it serves.

use std::path::PathBuf;

use maily_errors::Error;
use serde::Deserialize;

use crate::file::File;
use crate::{RedbDocuments, RedbEvents};

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
}

impl RedbConfig {
    /// Creates settings for this file.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), cache_bytes: default_cache_bytes() }
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
