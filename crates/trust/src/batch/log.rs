//! The tree over the certificates, and the newest checkpoint.

use std::collections::HashMap;

use maily_errors::{Code, Error, Public};

use crate::certificate::{Certificate, CertificateId};
use crate::checkpoint::Checkpoint;
use crate::merkle::{Hash, Tree, leaf_hash};
use crate::model::Receipt;
use crate::port::Journal;
use crate::proof::Proof;

/// The log without its entries: about 100 bytes a certificate.
#[derive(Debug, Default)]
pub(super) struct Log {
    tree: Tree,
    index: HashMap<CertificateId, u64>,
    covered: Option<(Checkpoint, Option<Receipt>)>,
}

impl Log {
    /// Reads a journal, a thousand entries at a time.
    pub(super) async fn replay(journal: &dyn Journal) -> Result<Self, Error> {
        let mut log = Self::default();
        loop {
            let entries = journal.read(log.tree.len(), PAGE).await?;
            for entry in &entries {
                let certificate = Certificate::decode(entry)
                    .map_err(|err| corrupt("an entry is no certificate").with_source(err))?;
                log.index.insert(certificate.id(), log.tree.len());
                log.tree.push(leaf_hash(entry));
            }
            if entries.len() < PAGE {
                return Ok(log);
            }
        }
    }

    /// Appends certificates and returns the number of the first.
    pub(super) fn append<'a>(&mut self, certificates: impl Iterator<Item = &'a Certificate>) -> u64 {
        let first = self.tree.len();
        for certificate in certificates {
            self.index.insert(certificate.id(), self.tree.len());
            self.tree.push(certificate.leaf());
        }
        first
    }

    pub(super) fn cover(&mut self, checkpoint: Checkpoint, receipt: Option<Receipt>) {
        self.covered = Some((checkpoint, receipt));
    }

    pub(super) fn prove(&self, certificate: Certificate, index: u64) -> Result<Proof, Error> {
        let pending = || Error::new(Code::AnchorPending, "no checkpoint covers the certificate yet");
        let (checkpoint, receipt) = self.covered.clone().ok_or_else(pending)?;
        if index >= checkpoint.size() {
            return Err(pending());
        }
        let path = self.tree.inclusion(index, checkpoint.size())?;
        Ok(Proof::new(certificate, index, path, checkpoint, receipt))
    }

    pub(super) fn index(&self, id: CertificateId) -> Result<u64, Error> {
        self.index.get(&id).copied().ok_or_else(|| {
            Error::new(Code::CertificateNotFound, "no certificate has this identifier")
                .with_operation("trust::certificate")
                .with_context("id", Public(id.to_string()))
        })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.tree.is_empty()
    }

    pub(super) fn state(&self) -> (u64, Hash) {
        (self.tree.len(), self.tree.root())
    }

    pub(super) fn checkpoint(&self) -> Option<&Checkpoint> {
        self.covered.as_ref().map(|(checkpoint, _)| checkpoint)
    }

    pub(super) fn consistency(&self, old: u64, new: u64) -> Result<Vec<Hash>, Error> {
        self.tree.consistency(old, new)
    }
}

pub(super) fn corrupt(message: &'static str) -> Error {
    Error::new(Code::LedgerCorrupt, message).with_operation("trust::open")
}

const PAGE: usize = 1_000;
