//! The number and buffer encoding of lib0.

use bytes::{BufMut, Bytes, BytesMut};
use maily_errors::{Code, Error};

/// Reads a frame from its beginning.
#[derive(Debug)]
pub(crate) struct Reader {
    rest: Bytes,
}

impl Reader {
    pub(crate) const fn new(frame: Bytes) -> Self {
        Self { rest: frame }
    }

    /// Reads a number: LEB128, at most 53 bits, which is what a JavaScript client can write.
    pub(crate) fn number(&mut self) -> Result<u64, Error> {
        let mut value = 0_u64;
        for (index, byte) in self.rest.iter().take(MAX_NUMBER_BYTES).enumerate() {
            value |= u64::from(byte & 0x7f) << (7 * index);
            if byte & 0x80 == 0 {
                if value > MAX_NUMBER {
                    return Err(malformed("a number is over 53 bits"));
                }
                let _ = self.rest.split_to(index + 1);
                return Ok(value);
            }
        }
        let cut = self.rest.len() < MAX_NUMBER_BYTES;
        Err(malformed(if cut { "the frame is cut" } else { "a number is over 53 bits" }))
    }

    /// Reads a buffer, without copying it.
    pub(crate) fn buffer(&mut self) -> Result<Bytes, Error> {
        let len = self.number()?;
        match usize::try_from(len) {
            Ok(len) if len <= self.rest.len() => Ok(self.rest.split_to(len)),
            _ => Err(malformed("the frame is cut")),
        }
    }

    /// Reads a text, without copying it.
    pub(crate) fn text(&mut self) -> Result<Bytes, Error> {
        let bytes = self.buffer()?;
        match str::from_utf8(&bytes) {
            Ok(_) => Ok(bytes),
            Err(_) => Err(malformed("a text is not utf-8")),
        }
    }

    /// Checks that nothing is left.
    pub(crate) fn end(&self) -> Result<(), Error> {
        if self.rest.is_empty() { Ok(()) } else { Err(malformed("the frame has bytes left over")) }
    }
}

pub(crate) fn put_number(out: &mut BytesMut, mut value: u64) {
    while value > 0x7f {
        // The low seven bits; the rest follows.
        out.put_u8((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.put_u8(value as u8);
}

pub(crate) fn put_buffer(out: &mut BytesMut, bytes: &[u8]) {
    put_number(out, bytes.len() as u64);
    out.put_slice(bytes);
}

pub(crate) fn malformed(message: &'static str) -> Error {
    Error::new(Code::FrameMalformed, message).with_operation("sync::decode")
}

const MAX_NUMBER: u64 = (1 << 53) - 1;
const MAX_NUMBER_BYTES: usize = 8;
