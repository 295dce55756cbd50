//! The signed state of the log, as other transparency logs write it.
//!
//! Sources: C2SP tlog-checkpoint and C2SP signed-note.

mod note;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use maily_errors::{Code, Error};

pub use self::note::Note;

use crate::certificate::Key;
use crate::merkle::Hash;
use crate::port::Sign;

/// The origin, size and root of a log, signed.
///
/// # Examples
///
/// ```
/// # tokio_test(async {
/// use maily_trust::checkpoint::Checkpoint;
/// use maily_trust::memory::Ed25519Signer;
/// use maily_trust::merkle::Hash;
/// use maily_trust::port::Sign;
///
/// let signer = Ed25519Signer::generate("mail.example/log")?;
/// let checkpoint = Checkpoint::sign(7, Hash::of(b"root"), &signer).await?;
///
/// let text = checkpoint.to_note();
/// assert!(text.starts_with("mail.example/log\n7\n"));
/// assert_eq!(Checkpoint::open(&text, signer.key())?, checkpoint);
/// # Ok::<(), maily_errors::Error>(())
/// # });
/// # fn tokio_test<F: Future<Output = Result<(), maily_errors::Error>>>(f: F) {
/// #     tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(f).unwrap();
/// # }
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Checkpoint {
    origin: String,
    size: u64,
    root: Hash,
    key_hash: [u8; 4],
    signature: Vec<u8>,
}

impl Checkpoint {
    /// Signs the state of a log whose origin is the name of the key.
    ///
    /// # Errors
    ///
    /// What the signer answers.
    pub async fn sign(size: u64, root: Hash, signer: &dyn Sign) -> Result<Self, Error> {
        let key = signer.key();
        let origin = key.name().to_owned();
        let signature = signer.sign(body(&origin, size, root).as_bytes()).await?;
        Ok(Self { origin, size, root, key_hash: key.hash(), signature })
    }

    /// Puts a checkpoint together from a proof. Nothing is checked before [`verify`](Self::verify).
    pub(crate) const fn from_parts(
        origin: String,
        size: u64,
        root: Hash,
        key_hash: [u8; 4],
        signature: Vec<u8>,
    ) -> Self {
        Self { origin, size, root, key_hash, signature }
    }

    /// Reads a note and checks the signature of a key that is trusted.
    ///
    /// # Errors
    ///
    /// - [`Code::ProofMalformed`] when the text is no checkpoint of at most 64 KiB.
    /// - [`Code::SignatureInvalid`] when this key has not signed it.
    pub fn open(text: &str, key: &Key) -> Result<Self, Error> {
        let checkpoint = Self::parse(text)?;
        checkpoint.verify(key)?;
        Ok(checkpoint)
    }

    /// Reads a note without checking its signature: the first one of a key with the name of the origin.
    ///
    /// # Errors
    ///
    /// [`Code::ProofMalformed`] when the text is no checkpoint, or has extension lines.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let malformed = || {
            Error::new(Code::ProofMalformed, "the text is no checkpoint").with_operation("checkpoint::open")
        };
        let note = Note::parse(text)?;
        let lines: Vec<_> = note.text().split_terminator('\n').collect();
        let [origin, size, root] = lines.as_slice() else { return Err(malformed()) };
        let number = size.parse().map_err(|_| malformed())?;
        let root = STANDARD.decode(root).map_err(|_| malformed())?;
        let root = Hash::from_slice(&root).map_err(|_| malformed())?;
        let (key_hash, signature) = note.signature_of(origin).ok_or_else(malformed)?;
        let checkpoint = Self::from_parts((*origin).to_owned(), number, root, key_hash, signature.to_vec());
        // One checkpoint has one text: no leading zero, no plus sign.
        if checkpoint.body() == note.text() { Ok(checkpoint) } else { Err(malformed()) }
    }

    /// Checks that the key has signed this checkpoint.
    ///
    /// # Errors
    ///
    /// [`Code::SignatureInvalid`] when the name, the hash of the key or the signature does not match.
    pub fn verify(&self, key: &Key) -> Result<(), Error> {
        if self.origin != key.name() || self.key_hash != key.hash() {
            return Err(Error::new(Code::SignatureInvalid, "another key signed the checkpoint")
                .with_operation("checkpoint::verify"));
        }
        key.public().verify(self.body().as_bytes(), &self.signature)
    }

    /// Writes the signed note.
    #[must_use]
    pub fn to_note(&self) -> String {
        Note::format(&self.body(), &self.origin, self.key_hash, &self.signature)
    }

    /// Returns the name of the log.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Returns how many certificates the log has.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Returns the Merkle root over them.
    #[must_use]
    pub const fn root(&self) -> Hash {
        self.root
    }

    #[cfg(test)]
    pub(crate) const fn key_hash(&self) -> [u8; 4] {
        self.key_hash
    }

    pub(crate) fn signature(&self) -> &[u8] {
        &self.signature
    }

    fn body(&self) -> String {
        body(&self.origin, self.size, self.root)
    }
}

fn body(origin: &str, size: u64, root: Hash) -> String {
    format!("{origin}\n{size}\n{}\n", STANDARD.encode(root.as_bytes()))
}

#[cfg(test)]
mod tests;
