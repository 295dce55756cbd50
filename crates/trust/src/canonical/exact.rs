//! The exact tier: relaxed canonicalization, as DKIM does it.

use sha2::{Digest as _, Sha256};

use super::fields::{Field, Head, line_at};
use crate::merkle::Hash;

/// The fields that a reader, or a program that answers, goes by. Every instance counts, in its order.
const FIELDS: [&str; 14] = [
    "from",
    "sender",
    "reply-to",
    "to",
    "cc",
    "subject",
    "date",
    "message-id",
    "in-reply-to",
    "references",
    "mime-version",
    "content-type",
    "content-transfer-encoding",
    "content-disposition",
];

/// Hashes the fields, an empty line, and the body.
pub(super) fn hash(head: &Head<'_>) -> Hash {
    let mut hasher = Sha256::new();
    for name in FIELDS {
        for field in head.all(name) {
            hasher.update(relaxed_field(field));
        }
    }
    hasher.update(b"\r\n");
    relaxed_body(head.body, |bytes| hasher.update(bytes));
    Hash::from_bytes(hasher.finalize().into())
}

/// Writes a field as RFC 6376, section 3.4.2 says.
pub(super) fn relaxed_field(field: &Field<'_>) -> Vec<u8> {
    let mut line = field.name.to_ascii_lowercase();
    line.push(b':');
    let begin = line.len();
    let words = field.value.split(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n'));
    for word in words.filter(|word| !word.is_empty()) {
        if line.len() > begin {
            line.push(b' ');
        }
        line.extend_from_slice(word);
    }
    line.extend_from_slice(b"\r\n");
    line
}

/// Writes a body as RFC 6376, section 3.4.4 says, piece by piece.
pub(super) fn relaxed_body(body: &[u8], mut write: impl FnMut(&[u8])) {
    let mut empty_lines = 0;
    let mut at = 0;
    while at < body.len() {
        let (line, next) = line_at(body, at);
        at = next;
        let blank = |byte: &u8| matches!(byte, b' ' | b'\t');
        let Some(last) = line.iter().rposition(|byte| !blank(byte)) else {
            // A line of spaces is an empty line, and empty lines at the end do not count.
            empty_lines += 1;
            continue;
        };
        for _ in 0..empty_lines {
            write(b"\r\n");
        }
        empty_lines = 0;
        let mut line = &line[..=last];
        while !line.is_empty() {
            let word = line.iter().position(blank).unwrap_or(line.len());
            write(&line[..word]);
            let gap = line[word..].iter().take_while(|byte| blank(byte)).count();
            if gap > 0 {
                write(b" ");
            }
            line = &line[word + gap..];
        }
        write(b"\r\n");
    }
}
