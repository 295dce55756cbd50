//! The service: certify, verify, and what a reader may ask about a certificate.

use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use maily_errors::{Code, Error, Public};
use tokio::task;
use tower::ServiceExt as _;
use tower_service::Service;

use crate::batch::Batcher;
use crate::canonical::{Canonical, PartKind};
use crate::certificate::{Certificate, CertificateId, Key};
use crate::checkpoint::Checkpoint;
use crate::config::TrustConfig;
use crate::merkle::Hash;
use crate::model::{Certified, Certify, Receipt, Verify};
use crate::port::{Call, Journal, Ledger, Sign};
use crate::proof::{self, Proof};
use crate::qr;
use crate::verify::{Verdict, Verifier};

/// Certifies messages into a log, and verifies them. Cheap to clone; all clones are one log.
///
/// # Examples
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// use maily_trust::memory::{Ed25519Signer, MemoryJournal, MemoryLedger};
/// use maily_trust::verify::State;
/// use maily_trust::{Trust, TrustConfig};
///
/// let signer = Ed25519Signer::generate("mail.example/log")?;
/// let trust =
///     Trust::open(TrustConfig::default(), signer, MemoryJournal::default(), MemoryLedger::default()).await?;
///
/// let sent = trust.certify("From: a@b.example\nSubject: Hi\n\nSee you at nine.\n").await?;
/// assert_eq!(trust.verify(sent.message.clone()).await?.state, State::Intact);
///
/// let altered = String::from_utf8_lossy(&sent.message).replace("nine", "five");
/// assert_eq!(trust.verify(altered).await?.state, State::Changed);
/// # Ok::<(), maily_errors::Error>(())
/// # }).unwrap();
/// ```
#[derive(Clone, Debug)]
pub struct Trust {
    batcher: Arc<Batcher>,
    verifier: Verifier,
}

impl Trust {
    /// Opens the log: reads every entry of the journal once.
    ///
    /// # Errors
    ///
    /// - [`Code::ConfigInvalid`] when a setting is out of range.
    /// - [`Code::LedgerCorrupt`] when an entry of the journal is no certificate.
    /// - What the journal answers.
    pub async fn open<L>(
        config: TrustConfig,
        signer: impl Sign + 'static,
        journal: impl Journal + 'static,
        ledger: L,
    ) -> Result<Self, Error>
    where
        L: Ledger + Sync + 'static,
        L::Future: 'static,
    {
        config.validate()?;
        let verifier = Verifier::new().with_key(signer.key().clone());
        let batcher = Batcher::open(config, Arc::new(signer), Arc::new(journal), ledger).await?;
        Ok(Self { batcher: Arc::new(batcher), verifier })
    }

    /// Accepts signatures of another key too, for example of the key before this one.
    #[must_use]
    pub fn with_key(mut self, key: Key) -> Self {
        self.verifier = self.verifier.with_key(key);
        self
    }

    /// Certifies a message: signs what it says, writes it into the log, anchors the log.
    ///
    /// Messages that arrive while another batch is anchored share the next one.
    ///
    /// # Errors
    ///
    /// - [`Code::MailMalformed`], [`Code::MailTooLarge`], [`Code::MailTooDeep`]: the message. It needs a `From`.
    /// - [`Code::Throttled`] when too many wait.
    /// - [`Code::LedgerUnreachable`] and what else the ledger answers: nothing was certified.
    ///
    /// # Cancellation
    ///
    /// Dropping the future does not stop the batch: the certificate may be in the log, and nobody has it.
    pub async fn certify(&self, message: impl Into<Bytes>) -> Result<Certified, Error> {
        let message = message.into();
        let canonical = {
            let message = message.clone();
            off_thread(message.len(), move || Canonical::of(&message)).await?
        };
        if !canonical.parts().iter().any(|part| part.kind() == PartKind::From) {
            return Err(Error::new(Code::MailMalformed, "the message does not say who it is from")
                .with_operation("trust::certify"));
        }
        let proof = self.batcher.certify(&canonical).await?;
        let message = Bytes::from(proof::insert(&message, &proof)?);
        Ok(Certified { message, proof })
    }

    /// Verifies a message with the key of this log. Asks no network.
    ///
    /// # Errors
    ///
    /// [`Code::MailMalformed`], [`Code::MailTooLarge`] or [`Code::MailTooDeep`] when it cannot be read;
    /// everything else is a verdict.
    pub async fn verify(&self, message: impl Into<Bytes>) -> Result<Verdict, Error> {
        let message = message.into();
        let verifier = self.verifier.clone();
        off_thread(message.len(), move || verifier.verify(&message)).await
    }

    /// Returns a certificate that was issued here.
    ///
    /// # Errors
    ///
    /// [`Code::CertificateNotFound`], or what the journal answers.
    pub async fn certificate(&self, id: CertificateId) -> Result<Certificate, Error> {
        self.batcher.certificate(id).await
    }

    /// Proves a certificate against the newest checkpoint.
    ///
    /// # Errors
    ///
    /// As [`certificate`](Self::certificate); [`Code::AnchorPending`] when no checkpoint covers it yet.
    pub async fn proof(&self, id: CertificateId) -> Result<Proof, Error> {
        self.batcher.proof(id).await
    }

    /// Returns the newest checkpoint.
    ///
    /// # Errors
    ///
    /// [`Code::BatchEmpty`] before the first certificate.
    pub fn checkpoint(&self) -> Result<Checkpoint, Error> {
        self.batcher.checkpoint().ok_or_else(|| {
            Error::new(Code::BatchEmpty, "nothing was certified yet").with_operation("trust::checkpoint")
        })
    }

    /// Proves that the log of `old` entries is a prefix of the log of `new` entries.
    ///
    /// # Errors
    ///
    /// [`Code::MerkleInvalid`] unless `1 <= old <= new <= size`.
    pub fn consistency(&self, old: u64, new: u64) -> Result<Vec<Hash>, Error> {
        self.batcher.consistency(old, new)
    }

    /// Asks the ledger how firmly it holds the checkpoint of a proof.
    ///
    /// # Errors
    ///
    /// What the ledger answers; [`Code::AnchorPending`] when it does not have it.
    pub async fn lookup(&self, proof: &Proof) -> Result<Receipt, Error> {
        self.batcher.ledger().oneshot(Call::Lookup(proof.checkpoint().clone())).await
    }

    /// Returns the key to pin.
    #[must_use]
    pub fn key(&self) -> &Key {
        self.batcher.key()
    }

    /// Returns what checks messages of this log without it.
    #[must_use]
    pub const fn verifier(&self) -> &Verifier {
        &self.verifier
    }

    /// Returns the link that the QR code of a certificate holds.
    #[must_use]
    pub fn link(&self, certificate: &Certificate) -> String {
        qr::link(self.batcher.public_url(), certificate)
    }
}

impl Service<Certify> for Trust {
    type Response = Certified;
    type Error = Error;
    // An `async fn` has no name that could stand here.
    type Future = BoxFuture<'static, Result<Certified, Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Certify) -> Self::Future {
        let trust = self.clone();
        async move { trust.certify(request.message).await }.boxed()
    }
}

impl Service<Verify> for Trust {
    type Response = Verdict;
    type Error = Error;
    // An `async fn` has no name that could stand here.
    type Future = BoxFuture<'static, Result<Verdict, Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Verify) -> Self::Future {
        let trust = self.clone();
        async move { trust.verify(request.message).await }.boxed()
    }
}

/// Above this many bytes a message is read away from the threads that serve sockets.
const INLINE_BYTES: usize = 65_536;

async fn off_thread<T: Send + 'static>(
    bytes: usize,
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    if bytes <= INLINE_BYTES {
        return work();
    }
    task::spawn_blocking(work).await.map_err(|err| {
        Error::new(Code::Unexpected, "reading the message did not finish")
            .with_operation("trust::read")
            .with_context("bytes", Public(bytes))
            .with_source(err)
    })?
}
