//! What the issuer signs about one message.
//!
//! A certificate holds one 32-byte root that decides, and short hints that only help to say *what* changed:
//! 16 bytes a part, and 2 bytes for each of at most 32 places in a text. Its bytes are canonical: one
//! certificate has one encoding, so its identifier and its leaf in the log are hashes of those bytes.

mod codec;
mod key;
mod record;

use std::fmt;
use std::str::FromStr;

use maily_errors::{Code, Error, Public};

pub use self::key::{Key, PublicKey, Suite};
pub use self::record::PartRecord;
pub(crate) use self::record::hints;

use crate::canonical::Canonical;
use crate::merkle::{Hash, leaf_hash};
use crate::port::Sign;

/// The name of a certificate: the first 16 bytes of the hash of what is signed. Text shows 32 hex digits.
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct CertificateId([u8; 16]);

impl CertificateId {
    /// Returns the bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Display for CertificateId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for CertificateId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for CertificateId {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut id = [0; 16];
        hex::decode_to_slice(text, &mut id).map_err(|_| {
            Error::new(Code::CertificateNotFound, "an identifier has 32 hexadecimal digits")
                .with_context("id_bytes", Public(text.len()))
        })?;
        Ok(Self(id))
    }
}

impl serde::Serialize for CertificateId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A signed statement: this issuer sent this message at this time.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Certificate {
    issuer: PublicKey,
    issued_at_ms: u64,
    exact: Hash,
    root: Hash,
    parts: Vec<PartRecord>,
    signature: Vec<u8>,
}

impl Certificate {
    /// Signs a message. `issued_at_ms` counts from the Unix epoch.
    ///
    /// # Errors
    ///
    /// What the signer answers.
    pub async fn issue(message: &Canonical, issued_at_ms: u64, signer: &dyn Sign) -> Result<Self, Error> {
        let mut certificate = Self {
            issuer: signer.key().public().clone(),
            issued_at_ms,
            exact: message.exact(),
            root: message.root(),
            parts: record::records(message.parts()),
            signature: Vec::new(),
        };
        certificate.signature = signer.sign(&certificate.statement()).await?;
        Ok(certificate)
    }

    /// Reads a certificate in its one encoding.
    ///
    /// # Errors
    ///
    /// [`Code::ProofMalformed`] when the bytes are anything else.
    pub fn decode(bytes: &[u8]) -> Result<Self, Error> {
        codec::decode(bytes)
    }

    /// Writes the certificate.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        codec::encode(self)
    }

    /// Checks that the key which the certificate names has signed it.
    ///
    /// # Errors
    ///
    /// [`Code::SignatureInvalid`] when it has not.
    pub fn verify_signature(&self) -> Result<(), Error> {
        self.issuer.verify(&self.statement(), &self.signature)
    }

    /// Returns the name.
    #[must_use]
    pub fn id(&self) -> CertificateId {
        CertificateId(Hash::of(&self.statement()).short())
    }

    /// Returns the hash under which the log holds the certificate.
    #[must_use]
    pub fn leaf(&self) -> Hash {
        leaf_hash(&self.encode())
    }

    /// Returns the key that signed.
    #[must_use]
    pub const fn issuer(&self) -> &PublicKey {
        &self.issuer
    }

    /// Returns when it was issued, in milliseconds since the Unix epoch, by the clock of the issuer.
    #[must_use]
    pub const fn issued_at_ms(&self) -> u64 {
        self.issued_at_ms
    }

    /// Returns the hash of the message in its exact tier.
    #[must_use]
    pub const fn exact(&self) -> Hash {
        self.exact
    }

    /// Returns the root over the parts of the message.
    #[must_use]
    pub const fn root(&self) -> Hash {
        self.root
    }

    /// Returns what is known of each part.
    #[must_use]
    pub fn parts(&self) -> &[PartRecord] {
        &self.parts
    }

    /// What is signed: a line that no other protocol signs, and the canonical bytes.
    fn statement(&self) -> Vec<u8> {
        [STATEMENT, codec::encode_unsigned(self).as_slice()].concat()
    }
}

/// Domain separation: a signature over a certificate is a signature over nothing else.
const STATEMENT: &[u8] = b"maily.dev/certificate/v1\n";

#[cfg(test)]
mod tests;
