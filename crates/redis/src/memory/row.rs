//! How the parts of a row follow each other: numbers big endian, short texts behind a byte with their length.

use bytes::{Buf, BufMut, Bytes, BytesMut};
use maily_errors::{Code, Error, Result};

/// Reads a row part by part.
#[derive(Debug)]
pub(crate) struct Parts(pub(crate) Bytes);

impl Parts {
    pub(crate) fn u8(&mut self) -> Result<u8> {
        self.0.try_get_u8().map_err(|_| damaged())
    }

    pub(crate) fn u32(&mut self) -> Result<u32> {
        self.0.try_get_u32().map_err(|_| damaged())
    }

    pub(crate) fn u64(&mut self) -> Result<u64> {
        self.0.try_get_u64().map_err(|_| damaged())
    }

    pub(crate) fn u128(&mut self) -> Result<u128> {
        self.0.try_get_u128().map_err(|_| damaged())
    }

    /// Reads what [`short`] wrote.
    pub(crate) fn short(&mut self) -> Result<Bytes> {
        let length = usize::from(self.u8()?);
        if length > self.0.len() {
            return Err(damaged());
        }
        Ok(self.0.split_to(length))
    }

    /// Reads what [`short`] wrote of a text.
    pub(crate) fn text(&mut self) -> Result<String> {
        String::from_utf8(self.short()?.to_vec()).map_err(|_| damaged())
    }

    /// Says that nothing may be left.
    pub(crate) fn end(self) -> Result<()> {
        if self.0.is_empty() { Ok(()) } else { Err(damaged()) }
    }
}

/// Writes at most 255 bytes, with their length before them; what is longer is cut.
pub(crate) fn short(row: &mut BytesMut, bytes: &[u8]) {
    let length = u8::try_from(bytes.len()).unwrap_or(u8::MAX);
    row.put_u8(length);
    row.extend_from_slice(&bytes[..usize::from(length)]);
}

/// What a row is that nobody wrote so.
pub(crate) fn damaged() -> Error {
    Error::new(Code::RedisDiskCorrupt, "a row is not one of a store").with_operation("redis::restore")
}

#[cfg(test)]
mod tests {
    use bytes::{BufMut, BytesMut};

    use super::{Parts, short};

    #[test]
    fn row_that_is_cut_anywhere_is_damaged() {
        let mut row = BytesMut::new();
        row.put_u64(7);
        short(&mut row, b"text");
        row.put_u32(9);
        let read = |mut parts: Parts| {
            let whole = (parts.u64()?, parts.text()?, parts.u32()?);
            parts.end().map(|()| whole)
        };

        for length in 0..row.len() {
            assert!(read(Parts(row.clone().freeze().slice(..length))).is_err(), "{length}");
        }
        assert_eq!(read(Parts(row.freeze())).unwrap(), (7, "text".to_owned(), 9));
    }
}
