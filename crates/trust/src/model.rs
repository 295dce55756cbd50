//! The data that crosses the crate.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::certificate::Certificate;
use crate::checkpoint::Checkpoint;
use crate::proof::Proof;

/// How firmly a ledger holds a checkpoint.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[non_exhaustive]
#[serde(rename_all = "snake_case")]
pub enum Finality {
    /// It was in a block that the chain has dropped since.
    Reorged,
    /// It was sent, and is in no block yet.
    Pending,
    /// It is in a block that the chain may still drop.
    Included,
    /// It is in a block that the chain drops only when many validators misbehave.
    Safe,
    /// It cannot be taken back.
    Finalized,
}

/// What a ledger says about an anchored checkpoint.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Receipt {
    /// The ledger: `log:NAME`, or `eip155:CHAIN` for a chain. At most 64 bytes.
    pub ledger: String,
    /// The number of the record, or of the block.
    pub position: u64,
    /// When it was anchored, in milliseconds since the Unix epoch, by the clock of the ledger.
    pub anchored_at_ms: u64,
    /// How firmly it stands. A receipt inside a proof says how firmly it stood then.
    pub finality: Finality,
    /// What the ledger needs to find it again, at most 128 bytes: for a chain the contract, the hash of the
    /// transaction and the hash of the block.
    #[serde(with = "hex_text")]
    pub locator: Vec<u8>,
}

/// A message to certify.
#[derive(Clone, Debug)]
pub struct Certify {
    /// The message as it will be sent, at most 26,214,400 bytes.
    pub message: Bytes,
}

impl AsRef<[u8]> for Certify {
    fn as_ref(&self) -> &[u8] {
        &self.message
    }
}

/// A message with its proof.
#[derive(Clone, Debug)]
pub struct Certified {
    /// The message with a `Maily-Proof` header in front, otherwise byte for byte what was passed.
    pub message: Bytes,
    /// The proof that the header holds.
    pub proof: Proof,
}

impl Certified {
    /// Returns what was signed.
    #[must_use]
    pub const fn certificate(&self) -> &Certificate {
        self.proof.certificate()
    }

    /// Returns the state of the log that covers the certificate.
    #[must_use]
    pub const fn checkpoint(&self) -> &Checkpoint {
        self.proof.checkpoint()
    }
}

/// A message to verify.
#[derive(Clone, Debug)]
pub struct Verify {
    /// The message as it arrived.
    pub message: Bytes,
}

impl AsRef<[u8]> for Verify {
    fn as_ref(&self) -> &[u8] {
        &self.message
    }
}

/// Bytes that JSON shows as hexadecimal digits.
mod hex_text {
    use serde::{Deserialize as _, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&hex::encode(bytes))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        hex::decode(String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}
