//! Complete bytes become a reply.

use std::ops::Range;

use bytes::Bytes;
use maily_redis::Reply;

use super::element::{Body, element, number};
use super::{MAX_COPIED_BYTES, Malformed};

/// Builds the reply that these bytes hold from start to end.
pub(super) fn reply(frame: &Bytes) -> Result<Reply, Malformed> {
    Build { frame, at: 0 }.next()
}

/// Builds the children of the push that these bytes hold.
pub(super) fn push(frame: &Bytes) -> Result<Vec<Reply>, Malformed> {
    match reply(frame)? {
        Reply::List(words) => Ok(words),
        _ => Err(Malformed::Garbage),
    }
}

/// Builds the reply of one element without children that needs no memory, if it is such a one: two of three commands
/// are answered by a number or by `OK`.
#[inline]
pub(super) fn short(kind: u8, data: &[u8]) -> Option<Result<Reply, Malformed>> {
    match kind {
        b':' => Some(number(data).map(Reply::Integer)),
        b'+' if data == b"OK" => Some(Ok(Reply::Data(Bytes::from_static(b"OK")))),
        _ => None,
    }
}

/// Builds the reply of one element without children, whose data are already cut out.
#[inline]
pub(super) fn leaf(kind: u8, data: Bytes) -> Result<Reply, Malformed> {
    Ok(match kind {
        b'$' | b'+' | b',' | b'(' => Reply::Data(data),
        b':' => Reply::Integer(number(&data)?),
        b'-' | b'!' => refused(&data),
        // Three letters and a colon say what kind of text follows.
        b'=' if data.len() >= 4 => Reply::Data(data.slice(4..)),
        b'#' if *data == *b"t" => Reply::Integer(1),
        b'#' if *data == *b"f" => Reply::Integer(0),
        _ => return Err(Malformed::Garbage),
    })
}

/// Cuts data out: small ones as a copy, so that who keeps one does not keep all that arrived with it.
#[inline]
fn cut(frame: &Bytes, range: Range<usize>) -> Bytes {
    if range.len() <= MAX_COPIED_BYTES { Bytes::copy_from_slice(&frame[range]) } else { frame.slice(range) }
}

struct Build<'a> {
    frame: &'a Bytes,
    at: usize,
}

impl Build<'_> {
    /// Not deeper than [`MAX_DEPTH`](super::MAX_DEPTH): the scan has seen to it.
    fn next(&mut self) -> Result<Reply, Malformed> {
        let start = self.at;
        let element = element(&self.frame[start..])?.ok_or(Malformed::Garbage)?;
        self.at += element.bytes;
        match element.body {
            Body::Nil => Ok(Reply::Nil),
            Body::Data(range) => leaf(element.kind, cut(self.frame, start + range.start..start + range.end)),
            Body::Children(count) if element.kind == b'|' => {
                for _ in 1..count {
                    self.next()?;
                }
                self.next()
            }
            Body::Children(count) => {
                (0..count).map(|_| self.next()).collect::<Result<_, _>>().map(Reply::List)
            }
        }
    }
}

/// The first word of an error is protocol, the rest is for people.
fn refused(text: &[u8]) -> Reply {
    let text = String::from_utf8_lossy(text);
    let (code, message) = text.split_once(' ').unwrap_or((&text, ""));
    Reply::refused(code, message)
}
