//! Every port in memory: for documentation, tests, and the first five minutes.

use std::fs;
use std::future::{Ready, ready};
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::task::{Context, Poll};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use ed25519_dalek::{Signer as _, SigningKey};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use maily_errors::{Code, Error};
use parking_lot::Mutex;
use tower_service::Service;
use zeroize::Zeroizing;

use crate::certificate::{Key, PublicKey, Suite};
use crate::checkpoint::Checkpoint;
use crate::model::{Finality, Receipt};
use crate::port::{Call, Journal, Sign};

/// An Ed25519 key in memory, which can come from a file.
#[derive(Clone)]
pub struct Ed25519Signer {
    secret: SigningKey,
    key: Key,
}

impl Ed25519Signer {
    /// Makes a new key.
    ///
    /// # Errors
    ///
    /// [`Code::KeyInvalid`] when the name is not allowed: see [`Key::new`].
    pub fn generate(name: &str) -> Result<Self, Error> {
        Self::from_secret(name, &Zeroizing::new(rand::random()))
    }

    /// Reads a key from its text, `PRIVATE+KEY+name+hash+key`, as other transparency logs keep theirs.
    ///
    /// # Errors
    ///
    /// [`Code::KeyInvalid`] when the text is anything else.
    pub fn from_text(text: &str) -> Result<Self, Error> {
        let invalid =
            || Error::new(Code::KeyInvalid, "the key file is damaged").with_operation("signer::from_text");
        let rest = text.trim().strip_prefix(PREFIX).ok_or_else(invalid)?;
        let mut fields = rest.splitn(3, '+');
        let (Some(name), Some(hash), Some(secret)) = (fields.next(), fields.next(), fields.next()) else {
            return Err(invalid());
        };
        let bytes = Zeroizing::new(STANDARD.decode(secret).map_err(|_| invalid())?);
        let [1, secret @ ..] = bytes.as_slice() else { return Err(invalid()) };
        let secret = Zeroizing::new(<[u8; 32]>::try_from(secret).map_err(|_| invalid())?);
        let signer = Self::from_secret(name, &secret)?;
        if hex::encode(signer.key.hash()) == hash { Ok(signer) } else { Err(invalid()) }
    }

    /// Reads a key from a file that only its owner may read.
    ///
    /// # Errors
    ///
    /// [`Code::KeyInvalid`] when the file cannot be read, is damaged, or is open to others.
    pub fn load(path: &Path) -> Result<Self, Error> {
        let unreadable = |err| {
            Error::new(Code::KeyInvalid, "the key file cannot be read")
                .with_operation("signer::load")
                .with_context("path", path.display())
                .with_source(err)
        };
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = fs::metadata(path).map_err(unreadable)?.permissions().mode();
            if mode & 0o077 != 0 {
                return Err(Error::new(Code::KeyInvalid, "the key file is open to others")
                    .with_operation("signer::load")
                    .with_context("path", path.display())
                    .with_context("wanted_mode", "600"));
            }
        }
        let text = Zeroizing::new(fs::read_to_string(path).map_err(unreadable)?);
        Self::from_text(&text).map_err(|err| err.with_context("path", path.display()))
    }

    /// Writes the key into a new file with mode 600. A file that is there is left as it is.
    ///
    /// # Errors
    ///
    /// [`Code::KeyInvalid`] when the file exists or cannot be written.
    pub fn save(&self, path: &Path) -> Result<(), Error> {
        let mut options = fs::OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let write = || {
            let mut file = options.open(path)?;
            file.write_all(self.to_text().as_bytes())?;
            file.sync_all()
        };
        write().map_err(|err| {
            Error::new(Code::KeyInvalid, "the key file cannot be written")
                .with_operation("signer::save")
                .with_context("path", path.display())
                .with_source(err)
        })
    }

    /// Reads the key of a file, or makes a key of this name and writes it there.
    ///
    /// # Errors
    ///
    /// As [`load`](Self::load) and [`save`](Self::save).
    pub fn load_or_create(path: &Path, name: &str) -> Result<Self, Error> {
        if path.exists() {
            return Self::load(path);
        }
        let signer = Self::generate(name)?;
        signer.save(path)?;
        Ok(signer)
    }

    fn from_secret(name: &str, secret: &[u8; 32]) -> Result<Self, Error> {
        let secret = SigningKey::from_bytes(secret);
        let public = PublicKey::new(Suite::Ed25519, secret.verifying_key().as_bytes())?;
        Ok(Self { secret, key: Key::new(name, public)? })
    }

    fn to_text(&self) -> Zeroizing<String> {
        let typed = Zeroizing::new([&[1], self.secret.as_bytes().as_slice()].concat());
        let secret = Zeroizing::new(STANDARD.encode(&typed));
        let (name, hash) = (self.key.name(), hex::encode(self.key.hash()));
        Zeroizing::new(format!("{PREFIX}{name}+{hash}+{}\n", secret.as_str()))
    }
}

const PREFIX: &str = "PRIVATE+KEY+";

impl std::fmt::Debug for Ed25519Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ed25519Signer").field("key", &self.key.to_string()).finish_non_exhaustive()
    }
}

impl Sign for Ed25519Signer {
    fn key(&self) -> &Key {
        &self.key
    }

    fn sign<'a>(&'a self, message: &'a [u8]) -> BoxFuture<'a, Result<Vec<u8>, Error>> {
        ready(Ok(self.secret.sign(message).to_bytes().to_vec())).boxed()
    }
}

/// A journal that ends with the process.
#[derive(Clone, Debug, Default)]
pub struct MemoryJournal {
    entries: Arc<Mutex<Vec<Bytes>>>,
}

impl Journal for MemoryJournal {
    fn append(&self, entries: Vec<Bytes>) -> BoxFuture<'_, Result<(), Error>> {
        self.entries.lock().extend(entries);
        ready(Ok(())).boxed()
    }

    fn read(&self, from: u64, count: usize) -> BoxFuture<'_, Result<Vec<Bytes>, Error>> {
        let from = usize::try_from(from).unwrap_or(usize::MAX);
        let entries = self.entries.lock().iter().skip(from).take(count).cloned().collect();
        ready(Ok(entries)).boxed()
    }
}

/// A ledger that ends with the process.
#[derive(Clone, Debug, Default)]
pub struct MemoryLedger {
    anchors: Arc<Mutex<Vec<(Checkpoint, Receipt)>>>,
}

impl MemoryLedger {
    fn answer(&self, call: Call) -> Result<Receipt, Error> {
        let mut anchors = self.anchors.lock();
        let known = |checkpoint: &Checkpoint| {
            let same = |(anchored, _): &&(Checkpoint, Receipt)| anchored.size() == checkpoint.size();
            anchors.iter().find(same).cloned()
        };
        match call {
            Call::Anchor(checkpoint) => match known(&checkpoint) {
                Some((anchored, receipt)) if anchored.root() == checkpoint.root() => Ok(receipt),
                None if anchors.last().is_none_or(|(last, _)| last.size() < checkpoint.size()) => {
                    let receipt = Receipt {
                        ledger: "log:memory".to_owned(),
                        position: anchors.len() as u64,
                        anchored_at_ms: crate::now_ms(),
                        finality: Finality::Finalized,
                        locator: Vec::new(),
                    };
                    anchors.push((checkpoint, receipt.clone()));
                    Ok(receipt)
                }
                _ => Err(Error::new(Code::LedgerRejected, "the checkpoint does not follow the last one")
                    .with_operation("memory::anchor")),
            },
            Call::Lookup(checkpoint) => match known(&checkpoint) {
                Some((anchored, receipt)) if anchored.root() == checkpoint.root() => Ok(receipt),
                _ => Err(Error::new(Code::AnchorPending, "the checkpoint is not anchored")
                    .with_operation("memory::lookup")),
            },
        }
    }
}

impl Service<Call> for MemoryLedger {
    type Response = Receipt;
    type Error = Error;
    type Future = Ready<Result<Receipt, Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, call: Call) -> Self::Future {
        ready(self.answer(call))
    }
}
