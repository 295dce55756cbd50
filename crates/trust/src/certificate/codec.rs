//! The one encoding of a certificate.
//!
//! ```text
//! version 1, suite, key, issued_at_ms, exact (32), root (32),
//! part count, then per part: kind, digest (16), name, and for a text: line count, hint count, hints (2 each)
//! signature
//! ```
//! Numbers are LEB128 in their shortest form, names and keys stand behind their length.

use maily_errors::{Code, Error};

use super::{Certificate, PartRecord, PublicKey};
use crate::canonical::{MAX_LINES, PartKind};
use crate::codec::{Reader, put_bytes, put_number};
use crate::merkle::Hash;

const VERSION: u8 = 1;
/// Every part of a message, and as many header leaves as one may have.
pub(super) const MAX_RECORDS: usize = 1_100;
const MAX_SIGNATURE_BYTES: usize = 128;

pub(super) fn encode_unsigned(certificate: &Certificate) -> Vec<u8> {
    let mut out = Vec::with_capacity(512);
    out.push(VERSION);
    certificate.issuer.encode(&mut out);
    put_number(&mut out, certificate.issued_at_ms);
    out.extend_from_slice(certificate.exact.as_bytes());
    out.extend_from_slice(certificate.root.as_bytes());
    put_number(&mut out, certificate.parts.len() as u64);
    for part in &certificate.parts {
        out.push(part.kind.number());
        out.extend_from_slice(&part.digest);
        put_bytes(&mut out, part.name.as_bytes());
        if part.kind.has_lines() {
            put_number(&mut out, u64::from(part.lines));
            put_number(&mut out, part.hints.len() as u64);
            part.hints.iter().for_each(|hint| out.extend_from_slice(&hint.to_be_bytes()));
        }
    }
    out
}

pub(super) fn encode(certificate: &Certificate) -> Vec<u8> {
    let mut out = encode_unsigned(certificate);
    put_bytes(&mut out, &certificate.signature);
    out
}

pub(super) fn decode(bytes: &[u8]) -> Result<Certificate, Error> {
    let mut reader = Reader::new(bytes);
    if reader.byte()? != VERSION {
        return Err(malformed("the certificate has another version"));
    }
    let issuer = PublicKey::decode(&mut reader)?;
    let issued_at_ms = reader.number()?;
    let exact = Hash::from_bytes(reader.array()?);
    let root = Hash::from_bytes(reader.array()?);
    let parts = (0..reader.count(MAX_RECORDS)?).map(|_| part(&mut reader)).collect::<Result<_, _>>()?;
    let signature = reader.bytes(MAX_SIGNATURE_BYTES)?.to_vec();
    reader.finish()?;
    Ok(Certificate { issuer, issued_at_ms, exact, root, parts, signature })
}

fn part(reader: &mut Reader<'_>) -> Result<PartRecord, Error> {
    let kind =
        PartKind::from_number(reader.byte()?).ok_or_else(|| malformed("a part has an unknown kind"))?;
    let digest = reader.array()?;
    let name = reader.text(PartRecord::MAX_NAME_BYTES)?.to_owned();
    let mut record = PartRecord { kind, name, digest, lines: 0, hints: Vec::new() };
    if kind.has_lines() {
        let lines = reader.count(MAX_LINES)?;
        let hints = reader.count(PartRecord::MAX_HINTS)?;
        if hints > lines || (hints == 0) != (lines == 0) {
            return Err(malformed("a text has other hints than lines"));
        }
        record.lines = lines as u32;
        record.hints =
            (0..hints).map(|_| reader.array().map(u16::from_be_bytes)).collect::<Result<_, _>>()?;
    }
    Ok(record)
}

fn malformed(message: &'static str) -> Error {
    Error::new(Code::ProofMalformed, message).with_operation("certificate::decode")
}
