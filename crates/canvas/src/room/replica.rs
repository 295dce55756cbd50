//! The server's replica of one document.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use bytes::Bytes;
use maily_errors::{Code, Error};
use yrs::updates::decoder::Decode;
use yrs::{
    ClientID, Doc, OffsetKind, Options, ReadTxn, StateVector, Transact, Transaction, TransactionMut, Update,
    WriteTxn,
};

use crate::model::Stored;

/// An update whose bytes were read, and those bytes.
pub(crate) struct Decoded {
    pub(crate) raw: Bytes,
    update: Update,
}

impl Decoded {
    /// Reads an update. Hostile bytes make an error, also where the decoder panics.
    pub(crate) fn new(raw: Bytes) -> Result<Self, Error> {
        match catch_unwind(|| Update::decode_v1(&raw)) {
            Ok(Ok(update)) => Ok(Self { raw, update }),
            Ok(Err(err)) => Err(rejected("the update cannot be read").with_source(err)),
            Err(_) => Err(rejected("the update cannot be read")),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.update.is_empty()
    }
}

/// Reads a state vector.
pub(crate) fn decode_vector(raw: &[u8]) -> Result<StateVector, Error> {
    match catch_unwind(|| StateVector::decode_v1(raw)) {
        Ok(Ok(vector)) => Ok(vector),
        _ => Err(Error::new(Code::FrameMalformed, "the state vector cannot be read")
            .with_operation("sync::decode")),
    }
}

/// What applying an update did.
#[derive(Debug, Eq, PartialEq)]
pub(crate) enum Applied {
    /// The document changed; this is what to store and to send on.
    Changed(Bytes),
    /// Nothing in it was new.
    Known,
    /// It waits for an update that is missing.
    Waiting,
}

/// A panic left the document in an unknown state: it must be loaded again.
#[derive(Debug)]
pub(crate) struct Poisoned;

pub(crate) struct Replica {
    doc: Doc,
    waiting: usize,
    version: u64,
    /// The whole document, for newcomers; until the next change.
    full: Option<Bytes>,
    /// What was drawn, by kind of view, and of which version.
    pub(crate) views: HashMap<&'static str, (u64, Arc<str>)>,
}

impl Replica {
    pub(crate) fn new() -> Self {
        // 32 bits, as every Yjs 13 client has; offsets as JavaScript counts them.
        let mut options = Options::with_client_id(ClientID::new(u64::from(rand::random::<u32>())));
        options.offset_kind = OffsetKind::Utf16;
        Self { doc: Doc::with_options(options), waiting: 0, version: 0, full: None, views: HashMap::new() }
    }

    /// Builds the document from what the store has.
    pub(crate) fn load(stored: &Stored) -> Result<Self, Error> {
        let replica = Self::new();
        let applied = catch_unwind(AssertUnwindSafe(|| {
            let mut txn = replica.doc.transact_mut();
            for raw in stored.snapshot.iter().chain(&stored.updates) {
                let update = Update::decode_v1(raw).map_err(|err| corrupt().with_source(err))?;
                // A part that cannot be applied was not applied when it was stored either.
                let _ = txn.apply_update(update);
            }
            Ok(())
        }));
        applied.unwrap_or_else(|_| Err(corrupt()))?;
        Ok(replica)
    }

    /// Applies an update of a client. `minimal` re-encodes it without what was known already.
    pub(crate) fn apply(
        &mut self,
        decoded: Decoded,
        minimal: bool,
        max_waiting: usize,
    ) -> Result<(Applied, Result<(), Error>), Poisoned> {
        let Decoded { raw, update } = decoded;
        let doc = &self.doc;
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            let mut txn = doc.transact_mut();
            let gap_before = txn.has_missing_updates();
            let applied = txn
                .apply_update(update)
                .map_err(|err| rejected("the update cannot be applied").with_source(err));
            let gap = txn.has_missing_updates();
            if !txn.has_changes() {
                return (if gap { Applied::Waiting } else { Applied::Known }, applied, gap);
            }
            // The client's own bytes, unless some of them waited, or something that waited came with them.
            let plain = !minimal && !gap_before && !gap && applied.is_ok();
            let bytes = if plain { raw } else { txn.encode_update_v1().into() };
            (Applied::Changed(bytes), applied, gap)
        }));
        let (applied, mut result, gap) = outcome.map_err(|_| Poisoned)?;
        if matches!(applied, Applied::Changed(_)) {
            self.changed();
        }
        self.waiting = if gap { self.waiting + 1 } else { 0 };
        if self.waiting > max_waiting {
            self.waiting = 0;
            let _ = self.doc.transact_mut().prune_pending();
            result = Err(Error::new(Code::TooManyPending, "too many updates wait for missing ones")
                .with_operation("room::apply"));
        }
        Ok((applied, result))
    }

    /// Edits the document; the bytes are what to store and to send on.
    pub(crate) fn edit<T>(
        &mut self,
        edit: impl FnOnce(&mut TransactionMut<'_>) -> Result<T, Error>,
    ) -> Result<(Result<T, Error>, Option<Bytes>), Poisoned> {
        let doc = &self.doc;
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            let mut txn = doc.transact_mut();
            let result = edit(&mut txn);
            let bytes = txn.has_changes().then(|| Bytes::from(txn.encode_update_v1()));
            (result, bytes)
        }));
        let (result, bytes) = outcome.map_err(|_| Poisoned)?;
        if bytes.is_some() {
            self.changed();
        }
        Ok((result, bytes))
    }

    /// Reads the document.
    pub(crate) fn read<T>(&self, read: impl FnOnce(&Transaction<'_>) -> T) -> T {
        read(&self.doc.transact())
    }

    /// Returns what is missing from a state vector.
    pub(crate) fn diff(&mut self, vector: &StateVector) -> Bytes {
        if !vector.is_empty() {
            return self.doc.transact().encode_diff_v1(vector).into();
        }
        let doc = &self.doc;
        self.full.get_or_insert_with(|| doc.transact().encode_diff_v1(vector).into()).clone()
    }

    pub(crate) fn vector(&self) -> StateVector {
        self.doc.transact().state_vector()
    }

    /// Counts the changes since the document was loaded.
    pub(crate) const fn version(&self) -> u64 {
        self.version
    }

    fn changed(&mut self) {
        self.version += 1;
        self.full = None;
    }
}

fn rejected(message: &'static str) -> Error {
    Error::new(Code::UpdateRejected, message).with_operation("room::apply")
}

fn corrupt() -> Error {
    Error::new(Code::StoreCorrupt, "a stored update cannot be read").with_operation("room::load")
}
