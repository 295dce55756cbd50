//! The bytes of a record.
//!
//! ```text
//! file    "MAILYLOG" 01 00 00 00 00 00 00 00
//! record  "\xf1REC" length: u32 LE  checksum: 16  payload: length bytes
//! payload 01 count: u32 LE, then each entry behind its length: u32 LE
//!         02 anchored_at_ms: u64 LE, the signed note of the checkpoint
//! ```
//! The checksum is the beginning of SHA-256 over length and payload.

use bytes::Bytes;
use maily_trust::checkpoint::Checkpoint;
use sha2::{Digest as _, Sha256};

pub(crate) const FILE_HEAD: [u8; 16] = *b"MAILYLOG\x01\0\0\0\0\0\0\0";
pub(crate) const MAGIC: [u8; 4] = *b"\xf1REC";
pub(crate) const HEAD_BYTES: usize = 24;
/// The most bytes of one record.
pub(crate) const MAX_PAYLOAD_BYTES: usize = 256 << 20;

const ENTRIES: u8 = 1;
const ANCHOR: u8 = 2;

/// What a record says.
#[derive(Debug, PartialEq)]
pub(crate) enum Record {
    /// Entries of the journal: where each stands in the payload, and its length.
    Entries(Vec<(usize, usize)>),
    /// A checkpoint, and when it was anchored.
    Anchor(u64, Checkpoint),
}

/// Writes a record.
pub(crate) fn frame(payload: &[u8]) -> Vec<u8> {
    let length = (payload.len() as u32).to_le_bytes();
    let mut out = Vec::with_capacity(HEAD_BYTES + payload.len());
    out.extend_from_slice(&MAGIC);
    out.extend_from_slice(&length);
    out.extend_from_slice(&checksum(length, payload));
    out.extend_from_slice(payload);
    out
}

/// Returns the payload of the record that begins here, if it is whole and its checksum matches.
pub(crate) fn unframe(bytes: &[u8]) -> Option<&[u8]> {
    let (head, rest) = bytes.split_first_chunk::<HEAD_BYTES>()?;
    let length: [u8; 4] = head[4..8].try_into().ok()?;
    let payload = rest.get(..u32::from_le_bytes(length) as usize)?;
    (head[..4] == MAGIC && head[8..] == checksum(length, payload)).then_some(payload)
}

pub(crate) fn entries_payload(entries: &[Bytes]) -> Vec<u8> {
    let mut out = vec![ENTRIES];
    out.extend_from_slice(&(entries.len() as u32).to_le_bytes());
    for entry in entries {
        out.extend_from_slice(&(entry.len() as u32).to_le_bytes());
        out.extend_from_slice(entry);
    }
    out
}

pub(crate) fn anchor_payload(anchored_at_ms: u64, checkpoint: &Checkpoint) -> Vec<u8> {
    let mut out = vec![ANCHOR];
    out.extend_from_slice(&anchored_at_ms.to_le_bytes());
    out.extend_from_slice(checkpoint.to_note().as_bytes());
    out
}

/// Reads a payload whose checksum matched; nothing when it is not one that this version writes.
pub(crate) fn parse(payload: &[u8]) -> Option<Record> {
    let (kind, rest) = payload.split_first()?;
    match *kind {
        ENTRIES => {
            let (count, mut rest) = rest.split_first_chunk::<4>()?;
            let mut spans = Vec::new();
            for _ in 0..u32::from_le_bytes(*count) {
                let (length, tail) = rest.split_first_chunk::<4>()?;
                let length = u32::from_le_bytes(*length) as usize;
                spans.push((payload.len() - tail.len(), length));
                rest = tail.get(length..)?;
            }
            rest.is_empty().then_some(Record::Entries(spans))
        }
        ANCHOR => {
            let (time, note) = rest.split_first_chunk::<8>()?;
            let checkpoint = Checkpoint::parse(std::str::from_utf8(note).ok()?).ok()?;
            Some(Record::Anchor(u64::from_le_bytes(*time), checkpoint))
        }
        _ => None,
    }
}

fn checksum(length: [u8; 4], payload: &[u8]) -> [u8; 16] {
    let hash = Sha256::new().chain_update(length).chain_update(payload).finalize();
    let mut short = [0; 16];
    short.copy_from_slice(&hash[..16]);
    short
}
