//! Many certificates, one checkpoint: the log, and the batch that grows it.
//!
//! There is no timer and no standing task: whoever finds nobody at work starts the work, and what arrives
//! meanwhile shares the next checkpoint.

mod log;
mod queue;

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use maily_errors::{Code, Error};
use parking_lot::RwLock;
use tokio::time::sleep;
use tower::ServiceExt as _;
use tower::util::BoxCloneSyncService;
use tracing::{Instrument as _, info_span};

use self::log::Log;
use self::queue::{Queue, Running, Waiting};
use crate::canonical::Canonical;
use crate::certificate::{Certificate, CertificateId, Key};
use crate::checkpoint::Checkpoint;
use crate::config::TrustConfig;
use crate::merkle::Hash;
use crate::model::Receipt;
use crate::port::{Call, Journal, Ledger, Sign};
use crate::proof::Proof;

type BoxLedger = BoxCloneSyncService<Call, Receipt, Error>;

/// The log with its queue.
pub(crate) struct Batcher {
    config: TrustConfig,
    signer: Arc<dyn Sign>,
    journal: Arc<dyn Journal>,
    ledger: BoxLedger,
    log: RwLock<Log>,
    queue: Queue,
}

impl Batcher {
    pub(crate) async fn open<L>(
        config: TrustConfig,
        signer: Arc<dyn Sign>,
        journal: Arc<dyn Journal>,
        ledger: L,
    ) -> Result<Self, Error>
    where
        L: Ledger + Sync + 'static,
        L::Future: 'static,
    {
        let mut log = Log::replay(journal.as_ref()).await?;
        let ledger = BoxCloneSyncService::new(ledger);
        if !log.is_empty() {
            let (size, root) = log.state();
            let checkpoint = Checkpoint::sign(size, root, signer.as_ref()).await?;
            // The entries may be newer than the last anchor; a ledger that is down does not stop reading.
            let receipt = ledger.clone().oneshot(Call::Lookup(checkpoint.clone())).await.ok();
            log.cover(checkpoint, receipt);
        }
        let queue = Queue::new(config.max_waiting);
        Ok(Self { config, signer, journal, ledger, log: RwLock::new(log), queue })
    }

    pub(crate) async fn certify(self: &Arc<Self>, message: &Canonical) -> Result<Proof, Error> {
        let certificate = Certificate::issue(message, crate::now_ms(), self.signer.as_ref()).await?;
        let (answer, start) = self.queue.push(certificate)?;
        if let Some(running) = start {
            // Owned by the queue: it ends when nobody waits, and its guard frees the queue if it panics.
            tokio::spawn(Arc::clone(self).work(running).instrument(info_span!("trust.batch")));
        }
        answer.await.map_err(|err| {
            Error::new(Code::Unexpected, "the batch ended without an answer")
                .with_operation("trust::certify")
                .with_source(err)
        })?
    }

    async fn work(self: Arc<Self>, mut running: Running) {
        loop {
            if self.config.linger_ms > 0 {
                sleep(self.config.linger()).await;
            }
            let Some(batch) = running.take(self.config.max_batch) else { return };
            match self.anchor(&batch).await {
                Ok(proofs) => {
                    batch.into_iter().zip(proofs).for_each(|(waiting, proof)| waiting.answer(proof))
                }
                Err(err) => batch.into_iter().for_each(|waiting| waiting.answer(Err(again(&err)))),
            }
        }
    }

    /// Entries first, then the anchor: what the ledger holds is always in the journal.
    async fn anchor(&self, batch: &[Waiting]) -> Result<Vec<Result<Proof, Error>>, Error> {
        let entries: Vec<Bytes> =
            batch.iter().map(|waiting| Bytes::from(waiting.certificate().encode())).collect();
        self.journal.append(entries).await?;
        let (first, size, root) = {
            let mut log = self.log.write();
            let first = log.append(batch.iter().map(Waiting::certificate));
            let (size, root) = log.state();
            (first, size, root)
        };
        let checkpoint = Checkpoint::sign(size, root, self.signer.as_ref()).await?;
        let receipt = self.ledger.clone().oneshot(Call::Anchor(checkpoint.clone())).await?;
        let mut log = self.log.write();
        log.cover(checkpoint, Some(receipt));
        Ok((first..)
            .zip(batch)
            .map(|(index, waiting)| log.prove(waiting.certificate().clone(), index))
            .collect())
    }

    pub(crate) async fn certificate(&self, id: CertificateId) -> Result<Certificate, Error> {
        let index = self.log.read().index(id)?;
        self.read(index).await
    }

    pub(crate) async fn proof(&self, id: CertificateId) -> Result<Proof, Error> {
        let index = self.log.read().index(id)?;
        let certificate = self.read(index).await?;
        self.log.read().prove(certificate, index)
    }

    async fn read(&self, index: u64) -> Result<Certificate, Error> {
        let entries = self.journal.read(index, 1).await?;
        let entry = entries.first().ok_or_else(|| log::corrupt("the journal is shorter than the log"))?;
        Certificate::decode(entry).map_err(|err| log::corrupt("an entry is no certificate").with_source(err))
    }

    pub(crate) fn checkpoint(&self) -> Option<Checkpoint> {
        self.log.read().checkpoint().cloned()
    }

    pub(crate) fn consistency(&self, old: u64, new: u64) -> Result<Vec<Hash>, Error> {
        self.log.read().consistency(old, new)
    }

    pub(crate) fn ledger(&self) -> BoxLedger {
        self.ledger.clone()
    }

    pub(crate) fn key(&self) -> &Key {
        self.signer.key()
    }

    pub(crate) fn public_url(&self) -> Option<&str> {
        self.config.public_url.as_deref()
    }
}

impl fmt::Debug for Batcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Batcher")
            .field("config", &self.config)
            .field("signer", &self.signer)
            .finish_non_exhaustive()
    }
}

/// Repeats an error for one more of those who wait. Its source stays with the first, in the log.
fn again(err: &Error) -> Error {
    let mut copy = Error::new(err.code(), err.message());
    if let Some(operation) = err.operation() {
        copy = copy.with_operation(operation);
    }
    if let Some(delay) = err.retry_after() {
        copy = copy.with_retry_after(delay);
    }
    copy
}
