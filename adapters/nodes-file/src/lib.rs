#![doc = include_str!("../README.md")]

mod read;
mod watch;

use std::path::PathBuf;
use std::time::Duration;

use maily_mesh::{NodeConfig, NodeSource};

/// A file with nodes, and how often it is looked at.
#[derive(Clone, Debug)]
pub struct FileNodesConfig {
    path: PathBuf,
    every: Duration,
}

impl FileNodesConfig {
    /// The largest file, in bytes: 1 MiB.
    pub const MAX_BYTES: u64 = 1024 * 1024;

    /// Creates settings that look at a file twice a second.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), every: Duration::from_millis(500) }
    }

    /// Sets how often the file is looked at, at most every ten milliseconds.
    #[must_use]
    pub fn with_interval(mut self, every: Duration) -> Self {
        self.every = every.max(Duration::from_millis(10));
        self
    }

    /// Builds the source. It never ends.
    ///
    /// # Errors
    ///
    /// Its items are errors while the file is not what it should be, one for each state of the file:
    ///
    /// - [`Code::ConfigUnreadable`](maily_errors::Code::ConfigUnreadable) when it cannot be read, or is too large.
    /// - [`Code::ConfigInvalid`](maily_errors::Code::ConfigInvalid) when it is no list of nodes.
    #[must_use]
    pub fn build(self) -> impl NodeSource<NodeConfig> + use<> {
        watch::watch(self.path, self.every)
    }
}
