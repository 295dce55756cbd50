//! Where the file is.

use std::path::PathBuf;

use maily_errors::{Code, Error};
use serde::Deserialize;

use crate::RedbLog;

/// Settings of the log. Unknown fields are an error.
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

    /// Opens the log, and makes the file if there is none.
    ///
    /// # Errors
    ///
    /// - [`Code::EventsStoreCorrupt`] when the file is not an event log, or is damaged; it stays as it is.
    /// - [`Code::EventsStoreLocked`] when another process has it open.
    /// - [`Code::EventsStoreFailed`] when it cannot be read or made.
    pub async fn build(self) -> Result<RedbLog, Error> {
        tokio::task::spawn_blocking(move || RedbLog::open(&self))
            .await
            .unwrap_or_else(|_| Err(Error::from(Code::Unexpected).with_operation("log_redb::open")))
    }
}

const fn default_cache_bytes() -> usize {
    32 * 1024 * 1024
}
