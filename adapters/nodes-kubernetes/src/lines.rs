//! From the pieces of a watch to its lines.

use bytes::{Buf, Bytes, BytesMut};
use maily_errors::Result;

use crate::error;

/// Puts lines together.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    bytes: BytesMut,
    /// Up to where there is no end of a line.
    seen: usize,
}

impl Lines {
    /// The longest line: an endpoint slice has at most 1,000 endpoints.
    pub(crate) const MAX_BYTES: usize = 4 * 1024 * 1024;

    pub(crate) fn push(&mut self, piece: &[u8]) {
        self.bytes.extend_from_slice(piece);
    }

    /// Returns the next line that is complete.
    pub(crate) fn next(&mut self) -> Result<Option<Bytes>> {
        loop {
            let Some(end) = memchr::memchr(b'\n', &self.bytes[self.seen..]) else {
                self.seen = self.bytes.len();
                return if self.seen > Self::MAX_BYTES {
                    Err(error::malformed("a line is too long"))
                } else {
                    Ok(None)
                };
            };
            let line = self.bytes.split_to(self.seen + end).freeze();
            self.bytes.advance(1);
            self.seen = 0;
            if !line.trim_ascii().is_empty() {
                return Ok(Some(line));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_whole_however_they_are_cut() {
        let text = b"{\"a\":1}\n\n{\"b\":2}\r\nrest";
        for cut in 1..text.len() {
            let mut lines = Lines::default();
            let mut found = Vec::new();
            for piece in text.chunks(cut) {
                lines.push(piece);
                while let Some(line) = lines.next().unwrap() {
                    found.push(line.trim_ascii().to_vec());
                }
            }
            assert_eq!(found, [b"{\"a\":1}", b"{\"b\":2}"]);
        }
    }

    #[test]
    fn line_at_the_limit_is_read_and_a_longer_one_refused() {
        let mut lines = Lines::default();
        lines.push(&vec![b'x'; Lines::MAX_BYTES]);
        assert!(lines.next().unwrap().is_none());
        lines.push(b"\n");
        assert_eq!(lines.next().unwrap().unwrap().len(), Lines::MAX_BYTES);

        lines.push(&vec![b'x'; Lines::MAX_BYTES + 1]);
        assert!(lines.next().is_err());
    }
}
