//! The header that carries a proof.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use maily_errors::{Code, Error};

use super::Proof;
use crate::canonical::Head;

/// The name of the header.
pub const HEADER: &str = "Maily-Proof";

/// No line of the header is longer.
const COLUMNS: usize = 76;
/// Only so many proofs of one message are looked at.
const MAX_PROOFS: usize = 4;

/// Puts the proof in front of a message, in place of any it had.
pub(crate) fn insert(message: &[u8], proof: &Proof) -> Result<Vec<u8>, Error> {
    let head = Head::of(message)?;
    // The header ends its lines as the message does.
    let end = if message.split(|byte| *byte == b'\n').next().is_some_and(|line| line.ends_with(b"\r")) {
        "\r\n"
    } else {
        "\n"
    };
    let value = STANDARD.encode(proof.encode());
    let mut out = Vec::with_capacity(message.len() + value.len() + 128);
    out.extend_from_slice(HEADER.as_bytes());
    out.push(b':');
    let mut column = HEADER.len() + 1;
    let mut rest = value.as_str();
    while !rest.is_empty() {
        let (line, next) = rest.split_at(rest.len().min(COLUMNS - column - 1));
        out.push(b' ');
        out.extend_from_slice(line.as_bytes());
        out.extend_from_slice(end.as_bytes());
        (rest, column) = (next, 0);
    }
    let mut at = 0;
    for field in head.all(HEADER) {
        out.extend_from_slice(&message[at..field.span.0]);
        at = field.span.1;
    }
    out.extend_from_slice(&message[at..]);
    Ok(out)
}

/// Reads the proofs of a message, at most four, from the top.
pub(crate) fn find(message: &[u8]) -> Result<Vec<Result<Proof, Error>>, Error> {
    let head = Head::of(message)?;
    let read = |value: &[u8]| {
        let text: Vec<u8> = value.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
        let bytes = STANDARD
            .decode(text)
            .map_err(|err| Error::new(Code::ProofMalformed, "the header is not base64").with_source(err))?;
        Proof::decode(&bytes)
    };
    Ok(head.all(HEADER).take(MAX_PROOFS).map(|field| read(field.value)).collect())
}
