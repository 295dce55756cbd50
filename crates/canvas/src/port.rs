//! What the canvas needs from outside.

use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;
use maily_errors::Error;

use crate::model::{Caller, DocumentName, Grant, Mark, Stored};
use crate::scene::Scene;

/// Where documents are kept: an append-only log of updates for each, with snapshots.
///
/// # Contract
///
/// - [`append`](Self::append) answers only when the updates survive a power cut; all of them or none.
/// - Sequence numbers of one document start at 1 and have no gap, over restarts too.
/// - [`compact`](Self::compact) replaces what came up to a number by one snapshot; later updates stay. A number that
///   an earlier compaction covered already changes nothing.
/// - A failure leaves what was there before. Damaged bytes are [`Code::StoreCorrupt`], never an empty document.
/// - Calls for different documents do not wait for each other longer than one commit.
///
/// [`Code::StoreCorrupt`]: maily_errors::Code::StoreCorrupt
pub trait DocStore: Send + Sync + 'static {
    /// Adds updates to the log, and answers with the sequence number of the last one.
    fn append<'a>(
        &'a self,
        document: &'a DocumentName,
        updates: Vec<Bytes>,
    ) -> BoxFuture<'a, Result<u64, Error>>;

    /// Reads the newest snapshot and the updates after it; `None` for a document that was never stored.
    fn load<'a>(&'a self, document: &'a DocumentName) -> BoxFuture<'a, Result<Option<Stored>, Error>>;

    /// Replaces everything up to the sequence number `upto` by a snapshot.
    fn compact<'a>(
        &'a self,
        document: &'a DocumentName,
        upto: u64,
        snapshot: Bytes,
    ) -> BoxFuture<'a, Result<(), Error>>;

    /// Lists the names of all documents, ascending.
    fn list(&self) -> BoxFuture<'_, Result<Vec<DocumentName>, Error>>;

    /// Removes a document, and says whether there was one.
    fn remove<'a>(&'a self, document: &'a DocumentName) -> BoxFuture<'a, Result<bool, Error>>;
}

/// Carries frames between the processes that serve one document.
///
/// # Contract
///
/// - Every subscriber gets what is published after it subscribed, in the order of one publisher, its own frames too.
/// - A subscriber that missed a frame gets an error, never a silent gap.
pub trait Bus: Send + Sync + 'static {
    /// Sends a frame to every subscriber of the document.
    fn publish<'a>(&'a self, document: &'a DocumentName, frame: Bytes) -> BoxFuture<'a, Result<(), Error>>;

    /// Starts to receive the frames of the document.
    fn subscribe<'a>(
        &'a self,
        document: &'a DocumentName,
    ) -> BoxFuture<'a, Result<BoxStream<'static, Result<Bytes, Error>>, Error>>;
}

/// Decides who may open which document.
///
/// # Contract
///
/// - A refusal is [`Code::Unauthorized`] (who are you?) or [`Code::Forbidden`] (not you).
///
/// [`Code::Unauthorized`]: maily_errors::Code::Unauthorized
/// [`Code::Forbidden`]: maily_errors::Code::Forbidden
pub trait Access: Send + Sync + 'static {
    /// Says what the caller may do with the document.
    fn grant<'a>(
        &'a self,
        document: &'a DocumentName,
        caller: &'a Caller,
    ) -> BoxFuture<'a, Result<Grant, Error>>;
}

/// Marks elements with what another part of the product knows about them, such as their proof.
///
/// # Contract
///
/// - A mark names an element of the scene. Marks are for showing: they never change the document.
pub trait Overlay: Send + Sync + 'static {
    /// Returns the marks for a scene.
    fn marks<'a>(
        &'a self,
        document: &'a DocumentName,
        scene: &'a Scene,
    ) -> BoxFuture<'a, Result<Vec<Mark>, Error>>;
}
