//! One element: a line, a string, or the head of an aggregate.

use std::ops::Range;

use super::{MAX_ELEMENTS, MAX_LINE_BYTES, MAX_REPLY_BYTES, Malformed};

/// What stands at the start of some bytes.
#[derive(Debug)]
pub(super) struct Element {
    /// The first byte, which is the type.
    pub(super) kind: u8,
    /// How many bytes it takes, without its children.
    pub(super) bytes: usize,
    pub(super) body: Body,
}

#[derive(Debug)]
pub(super) enum Body {
    /// Several elements that follow.
    Children(u64),
    /// Bytes in these places.
    Data(Range<usize>),
    /// Nothing is there.
    Nil,
}

/// Reads the first element, or returns `None` while its end is missing.
#[inline]
pub(super) fn element(bytes: &[u8]) -> Result<Option<Element>, Malformed> {
    let Some(&kind) = bytes.first() else { return Ok(None) };
    if !KINDS.contains(&kind) {
        return Err(Malformed::Garbage);
    }
    let Some(end) = bytes.iter().take(MAX_LINE_BYTES).position(|byte| *byte == b'\n') else {
        return if bytes.len() >= MAX_LINE_BYTES { Err(Malformed::Large) } else { Ok(None) };
    };
    if end < 2 || bytes[end - 1] != b'\r' {
        return Err(Malformed::Garbage);
    }
    let (text, line) = (1..end - 1, end + 1);
    let (bytes, body) = match kind {
        b'$' | b'=' | b'!' => match number(&bytes[text])? {
            -1 if kind == b'$' => (line, Body::Nil),
            length => {
                let length = bounded(length, MAX_REPLY_BYTES as u64)? as usize;
                let Some(after) = bytes.get(line + length..line + length + 2) else { return Ok(None) };
                if after != b"\r\n" {
                    return Err(Malformed::Garbage);
                }
                (line + length + 2, Body::Data(line..line + length))
            }
        },
        b'*' | b'~' | b'>' | b'%' | b'|' => match number(&bytes[text])? {
            -1 if kind == b'*' => (line, Body::Nil),
            count => {
                let count = bounded(count, MAX_ELEMENTS)?;
                let children = match kind {
                    b'%' => count * 2,
                    // Attributes are pairs in front of the reply that they are about: the last child.
                    b'|' => count * 2 + 1,
                    _ => count,
                };
                (line, Body::Children(children))
            }
        },
        b'_' => (line, Body::Nil),
        _ => (line, Body::Data(text)),
    };
    Ok(Some(Element { kind, bytes, body }))
}

/// Reads a decimal number as the server writes it.
#[inline]
pub(super) fn number(text: &[u8]) -> Result<i64, Malformed> {
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    if digits.is_empty() {
        return Err(Malformed::Garbage);
    }
    let mut number = 0_i64;
    for digit in digits {
        if !digit.is_ascii_digit() {
            return Err(Malformed::Garbage);
        }
        // Downwards, because the smallest number has no positive twin.
        number = number
            .checked_mul(10)
            .and_then(|number| number.checked_sub(i64::from(digit - b'0')))
            .ok_or(Malformed::Large)?;
    }
    if negative { Ok(number) } else { number.checked_neg().ok_or(Malformed::Large) }
}

fn bounded(number: i64, limit: u64) -> Result<u64, Malformed> {
    match u64::try_from(number) {
        Err(_) => Err(Malformed::Garbage),
        Ok(number) if number > limit => Err(Malformed::Large),
        Ok(number) => Ok(number),
    }
}

/// Every type of RESP3.
const KINDS: &[u8] = b"+-:$*_#,(!=%~>|";
