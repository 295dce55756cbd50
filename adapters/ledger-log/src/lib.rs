#![doc = include_str!("../README.md")]

mod error;
mod log;
mod record;
mod recover;

use std::path::PathBuf;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use maily_errors::{Code, Error};
use maily_trust::model::Receipt;
use maily_trust::port::{Call, Journal};
use parking_lot::Mutex;
use serde::Deserialize;
use tokio::task;
use tower_service::Service;

use self::log::Log;

/// The name of this ledger in a configuration, and the beginning of its name in a receipt.
pub const SCHEME: &str = "log";

/// Settings of the log.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
#[non_exhaustive]
#[serde(deny_unknown_fields)]
pub struct LogConfig {
    /// The file; it is made if it is not there. Its folder must be there.
    pub path: PathBuf,
}

impl LogConfig {
    /// Names the file.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// Opens the file, reads it once and checks every record.
    ///
    /// A last record that a crash cut off is moved into a file beside it, and the log goes on.
    ///
    /// # Errors
    ///
    /// - [`Code::LedgerCorrupt`] when a record in the middle is damaged; the file is left as it is.
    /// - [`Code::LedgerLocked`] when another process has the file open.
    /// - [`Code::LedgerUnreachable`] when the file cannot be opened or read.
    pub fn build(&self) -> Result<LogLedger, Error> {
        Ok(LogLedger { log: Arc::new(Mutex::new(Log::open(&self.path)?)) })
    }
}

/// A ledger and a journal in one file. Cheap to clone; all clones are one file.
#[derive(Clone, Debug)]
pub struct LogLedger {
    log: Arc<Mutex<Log>>,
}

impl LogLedger {
    async fn run<T: Send + 'static>(
        self,
        work: impl FnOnce(&mut Log) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        // The disk may take its time; a write that was begun goes on when the caller goes away.
        task::spawn_blocking(move || work(&mut self.log.lock())).await.map_err(|err| {
            Error::new(Code::Unexpected, "the work on the log did not finish")
                .with_operation("ledger_log::run")
                .with_source(err)
        })?
    }
}

impl Service<Call> for LogLedger {
    type Response = Receipt;
    type Error = Error;
    // An `async fn` has no name that could stand here.
    type Future = BoxFuture<'static, Result<Receipt, Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, call: Call) -> Self::Future {
        self.clone()
            .run(move |log| match call {
                Call::Anchor(checkpoint) => log.anchor(&checkpoint),
                Call::Lookup(checkpoint) => log.lookup(&checkpoint),
                _ => Err(error::unsupported()),
            })
            .boxed()
    }
}

impl Journal for LogLedger {
    fn append(&self, entries: Vec<Bytes>) -> BoxFuture<'_, Result<(), Error>> {
        self.clone().run(move |log| log.append(&entries)).boxed()
    }

    fn read(&self, from: u64, count: usize) -> BoxFuture<'_, Result<Vec<Bytes>, Error>> {
        self.clone().run(move |log| log.read(from, count)).boxed()
    }
}
