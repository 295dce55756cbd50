//! What has arrived, and the replies in it.

use bytes::{Buf as _, Bytes, BytesMut};
use maily_redis::Reply;

use super::element::{Body, element};
use super::scan::Scan;
use super::{MAX_COPIED_BYTES, Malformed, build};

/// One thing that a server said.
#[derive(Debug, PartialEq)]
pub(crate) enum Frame {
    /// What nobody asked for.
    Push(Vec<Reply>),
    /// The answer to the oldest command without one.
    Reply(Reply),
}

/// The bytes that have arrived and are not read yet.
#[derive(Debug, Default)]
pub(crate) struct Frames {
    buffer: BytesMut,
    scan: Option<Scan>,
}

impl Frames {
    /// Returns the buffer with room for what arrives next.
    pub(crate) fn buffer(&mut self) -> &mut BytesMut {
        if self.buffer.capacity() - self.buffer.len() < MIN_ROOM_BYTES {
            // Only what is missing: what was read is given back to the same memory, as long as nobody shares it.
            let room = if self.buffer.capacity() == 0 { CHUNK_BYTES } else { MIN_ROOM_BYTES };
            self.buffer.reserve(room);
        }
        &mut self.buffer
    }

    /// Returns what the server said next, or `None` while its end has not arrived.
    #[inline]
    pub(crate) fn next(&mut self) -> Result<Option<Frame>, Malformed> {
        if self.scan.is_none() {
            // Nearly every reply is one element: it needs no second look.
            let Some(element) = element(&self.buffer)? else { return Ok(None) };
            match element.body {
                Body::Children(_) => self.scan = Some(Scan::default()),
                Body::Nil => {
                    self.buffer.advance(element.bytes);
                    return Ok(Some(Frame::Reply(Reply::Nil)));
                }
                Body::Data(range) => {
                    let data = if let Some(reply) = build::short(element.kind, &self.buffer[range.clone()]) {
                        self.buffer.advance(element.bytes);
                        return reply.map(|reply| Some(Frame::Reply(reply)));
                    } else if range.len() <= MAX_COPIED_BYTES {
                        let data = Bytes::copy_from_slice(&self.buffer[range]);
                        self.buffer.advance(element.bytes);
                        data
                    } else {
                        self.buffer.split_to(element.bytes).freeze().slice(range)
                    };
                    return build::leaf(element.kind, data).map(|reply| Some(Frame::Reply(reply)));
                }
            }
        }
        self.aggregate()
    }

    fn aggregate(&mut self) -> Result<Option<Frame>, Malformed> {
        let scan = self.scan.get_or_insert_default();
        let Some(end) = scan.end(&self.buffer)? else { return Ok(None) };
        self.scan = None;
        let frame = self.buffer.split_to(end).freeze();
        if frame[0] == b'>' {
            return build::push(&frame).map(|words| Some(Frame::Push(words)));
        }
        build::reply(&frame).map(|reply| Some(Frame::Reply(reply)))
    }
}

/// The first memory of a connection.
const CHUNK_BYTES: usize = 64 * 1024;

/// With less room than this the read bytes make place first.
const MIN_ROOM_BYTES: usize = 16 * 1024;
