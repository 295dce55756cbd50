//! What the crate needs from outside.

use bytes::Bytes;
use futures_util::future::BoxFuture;
use maily_errors::Error;
use tower_service::Service;

use crate::certificate::Key;
use crate::checkpoint::Checkpoint;
use crate::model::Receipt;

/// What a [`Ledger`] is asked.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Call {
    /// Write this checkpoint down where nobody can take it back.
    Anchor(Checkpoint),
    /// Say whether this checkpoint is written down, and how firmly.
    Lookup(Checkpoint),
}

/// A place where a checkpoint cannot be taken back: a log file, a chain.
///
/// # Contract
///
/// - An anchor is acknowledged only when a crash cannot lose it.
/// - Anchoring a checkpoint again answers with the receipt of the first time.
/// - A checkpoint that is smaller than the last one is refused with
///   [`Code::LedgerRejected`](maily_errors::Code::LedgerRejected), as is another root for a size.
/// - Looking up what was not anchored is [`Code::AnchorPending`](maily_errors::Code::AnchorPending).
/// - A ledger that does not answer is [`Code::LedgerUnreachable`](maily_errors::Code::LedgerUnreachable), which is
///   temporary.
pub trait Ledger: Service<Call, Response = Receipt, Error = Error, Future: Send> + Clone + Send {}

impl<S> Ledger for S where S: Service<Call, Response = Receipt, Error = Error, Future: Send> + Clone + Send {}

/// A key that signs, in memory, in a file, or in a device.
pub trait Sign: std::fmt::Debug + Send + Sync {
    /// Returns the public key and its name.
    fn key(&self) -> &Key;

    /// Signs a message, in the suite of the key.
    ///
    /// # Errors
    ///
    /// [`Code::Unavailable`](maily_errors::Code::Unavailable) when the device does not answer.
    fn sign<'a>(&'a self, message: &'a [u8]) -> BoxFuture<'a, Result<Vec<u8>, Error>>;
}

/// The entries of the log, in their order: the encoded certificates.
///
/// # Contract
///
/// - Entries that were appended are there after a crash, all of them or none of a call.
/// - What is read is what was appended, or [`Code::LedgerCorrupt`](maily_errors::Code::LedgerCorrupt).
pub trait Journal: std::fmt::Debug + Send + Sync {
    /// Appends entries and returns when a crash cannot lose them.
    fn append(&self, entries: Vec<Bytes>) -> BoxFuture<'_, Result<(), Error>>;

    /// Reads at most `count` entries from number `from`; fewer only at the end.
    fn read(&self, from: u64, count: usize) -> BoxFuture<'_, Result<Vec<Bytes>, Error>>;
}
