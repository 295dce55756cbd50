//! Everything that an offline check needs, small enough for a header.
//!
//! ```text
//! version 1, certificate, index, path length, path (32 each),
//! origin, size, signature of the checkpoint, 0 or 1, and the receipt
//! ```
//! The root of the checkpoint is not in it: it is what the path leads to. The checkpoint is signed by the
//! key that the certificate names. A mail with two texts and an image, in a batch of 16, has at most 850
//! bytes.

mod header;

use maily_errors::{Code, Error};

pub use self::header::HEADER;
pub(crate) use self::header::{find, insert};

use crate::certificate::{Certificate, Key};
use crate::checkpoint::Checkpoint;
use crate::codec::{Reader, put_bytes, put_number};
use crate::merkle::{Hash, leaf_hash, root_of_inclusion, verify_inclusion};
use crate::model::{Finality, Receipt};

/// A certificate, its place in the log, and the signed state of the log.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Proof {
    certificate: Certificate,
    index: u64,
    path: Vec<Hash>,
    checkpoint: Checkpoint,
    receipt: Option<Receipt>,
}

impl Proof {
    /// The most bytes a proof may have.
    pub const MAX_BYTES: usize = 131_072;

    /// Puts a proof together.
    #[must_use]
    pub const fn new(
        certificate: Certificate,
        index: u64,
        path: Vec<Hash>,
        checkpoint: Checkpoint,
        receipt: Option<Receipt>,
    ) -> Self {
        Self { certificate, index, path, checkpoint, receipt }
    }

    /// Writes the compact form.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(1024);
        out.push(VERSION);
        put_bytes(&mut out, &self.certificate.encode());
        put_number(&mut out, self.index);
        put_number(&mut out, self.path.len() as u64);
        self.path.iter().for_each(|hash| out.extend_from_slice(hash.as_bytes()));
        put_bytes(&mut out, self.checkpoint.origin().as_bytes());
        put_number(&mut out, self.checkpoint.size());
        put_bytes(&mut out, self.checkpoint.signature());
        out.push(u8::from(self.receipt.is_some()));
        if let Some(receipt) = &self.receipt {
            put_bytes(&mut out, receipt.ledger.as_bytes());
            put_number(&mut out, receipt.position);
            put_number(&mut out, receipt.anchored_at_ms);
            out.push(receipt.finality as u8);
            put_bytes(&mut out, &receipt.locator);
        }
        out
    }

    /// Reads the compact form. Nothing is believed before [`verify`](Self::verify).
    ///
    /// # Errors
    ///
    /// [`Code::ProofMalformed`] when the bytes are none, or are not in their shortest form.
    pub fn decode(bytes: &[u8]) -> Result<Self, Error> {
        let malformed = |message| Error::new(Code::ProofMalformed, message).with_operation("proof::decode");
        if bytes.len() > Self::MAX_BYTES {
            return Err(malformed("the proof is over its limit"));
        }
        let mut reader = Reader::new(bytes);
        if reader.byte()? != VERSION {
            return Err(malformed("the proof has another version"));
        }
        let leaf_bytes = reader.bytes(Self::MAX_BYTES)?;
        let certificate = Certificate::decode(leaf_bytes)?;
        let index = reader.number()?;
        let length = reader.count(u64::BITS as usize)?;
        let path: Vec<_> =
            (0..length).map(|_| reader.array().map(Hash::from_bytes)).collect::<Result<_, _>>()?;
        let origin = reader.text(MAX_ORIGIN_BYTES)?.to_owned();
        let size = reader.number()?;
        let signature = reader.bytes(MAX_SIGNATURE_BYTES)?.to_vec();
        let receipt = match reader.byte()? {
            0 => None,
            1 => Some(receipt(&mut reader)?),
            _ => return Err(malformed("the receipt is neither there nor absent")),
        };
        reader.finish()?;
        let root = root_of_inclusion(leaf_hash(leaf_bytes), index, size, &path)
            .map_err(|err| malformed("the path does not fit the log").with_source(err))?;
        let key = Key::new(origin.clone(), certificate.issuer().clone())
            .map_err(|err| malformed("the origin is not allowed").with_source(err))?;
        let checkpoint = Checkpoint::from_parts(origin, size, root, key.hash(), signature);
        Ok(Self { certificate, index, path, checkpoint, receipt })
    }

    /// Checks both signatures and the path, with the key that the certificate names. Needs no network.
    ///
    /// Whether that key is one to trust is the question of a [`Verifier`](crate::verify::Verifier).
    ///
    /// # Errors
    ///
    /// - [`Code::SignatureInvalid`] when a signature does not match.
    /// - [`Code::MerkleInvalid`] when the path does not lead to the root.
    pub fn verify(&self) -> Result<(), Error> {
        self.certificate.verify_signature()?;
        let (size, root) = (self.checkpoint.size(), self.checkpoint.root());
        verify_inclusion(self.certificate.leaf(), self.index, size, &self.path, root)?;
        self.checkpoint.verify(&self.key()?)
    }

    /// Returns the key that signed, with the name of its log.
    ///
    /// # Errors
    ///
    /// [`Code::KeyInvalid`] when the name of the log cannot be the name of a key.
    pub fn key(&self) -> Result<Key, Error> {
        Key::new(self.checkpoint.origin(), self.certificate.issuer().clone())
    }

    /// Returns what was signed about the message.
    #[must_use]
    pub const fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    /// Returns the number of the certificate in the log, from 0.
    #[must_use]
    pub const fn index(&self) -> u64 {
        self.index
    }

    /// Returns the signed state of the log.
    #[must_use]
    pub const fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    /// Returns what the ledger said.
    #[must_use]
    pub const fn receipt(&self) -> Option<&Receipt> {
        self.receipt.as_ref()
    }
}

fn receipt(reader: &mut Reader<'_>) -> Result<Receipt, Error> {
    let ledger = reader.text(64)?.to_owned();
    let position = reader.number()?;
    let anchored_at_ms = reader.number()?;
    let finality = match reader.byte()? {
        0 => Finality::Reorged,
        1 => Finality::Pending,
        2 => Finality::Included,
        3 => Finality::Safe,
        4 => Finality::Finalized,
        _ => return Err(Error::new(Code::ProofMalformed, "the finality is unknown")),
    };
    let locator = reader.bytes(128)?.to_vec();
    Ok(Receipt { ledger, position, anchored_at_ms, finality, locator })
}

const VERSION: u8 = 1;
const MAX_ORIGIN_BYTES: usize = 128;
const MAX_SIGNATURE_BYTES: usize = 128;

#[cfg(test)]
mod tests;
