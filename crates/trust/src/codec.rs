//! Reading and writing the compact binary forms.

use maily_errors::{Code, Error};

/// Appends an unsigned LEB128 number.
pub(crate) fn put_number(out: &mut Vec<u8>, mut number: u64) {
    while number > 0x7f {
        out.push((number as u8) | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// Appends bytes behind their length.
pub(crate) fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_number(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// Bytes that are taken from the front. Nothing here allocates by a length that the input claims.
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(crate) fn take(&mut self, count: usize) -> Result<&'a [u8], Error> {
        let (head, rest) = self.rest.split_at_checked(count).ok_or_else(malformed)?;
        self.rest = rest;
        Ok(head)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], Error> {
        self.take(N)?.try_into().map_err(|_| malformed())
    }

    pub(crate) fn byte(&mut self) -> Result<u8, Error> {
        self.array().map(|[byte]| byte)
    }

    /// Takes a number in its shortest form; a longer form of the same number is refused.
    pub(crate) fn number(&mut self) -> Result<u64, Error> {
        let mut number = 0_u64;
        for shift in (0..u64::BITS).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && byte > 1 || byte == 0 && shift > 0 {
                break;
            }
            number |= bits << shift;
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err(malformed())
    }

    /// Takes a count that is at most `limit`.
    pub(crate) fn count(&mut self, limit: usize) -> Result<usize, Error> {
        usize::try_from(self.number()?).ok().filter(|count| *count <= limit).ok_or_else(malformed)
    }

    /// Takes bytes behind their length, which is at most `limit`.
    pub(crate) fn bytes(&mut self, limit: usize) -> Result<&'a [u8], Error> {
        let count = self.count(limit)?;
        self.take(count)
    }

    pub(crate) fn text(&mut self, limit: usize) -> Result<&'a str, Error> {
        std::str::from_utf8(self.bytes(limit)?).map_err(|_| malformed())
    }

    /// Refuses anything that is left.
    pub(crate) fn finish(self) -> Result<(), Error> {
        if self.rest.is_empty() { Ok(()) } else { Err(malformed()) }
    }
}

fn malformed() -> Error {
    Error::new(Code::ProofMalformed, "the bytes are cut, too long or not in their shortest form")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_survive_in_their_shortest_form_only() {
        for number in [0, 1, 127, 128, 300, u64::from(u32::MAX), u64::MAX - 1, u64::MAX] {
            let mut bytes = Vec::new();
            put_number(&mut bytes, number);
            assert_eq!(Reader::new(&bytes).number().unwrap(), number);
        }
        assert!(Reader::new(&[0x80, 0x00]).number().is_err());
        assert!(Reader::new(&[0xff; 10]).number().is_err());
        assert!(Reader::new(&[0x80]).number().is_err());
    }

    #[test]
    fn claimed_length_is_checked_before_it_is_used() {
        let mut bytes = Vec::new();
        put_number(&mut bytes, u64::MAX);

        assert!(Reader::new(&bytes).bytes(usize::MAX).is_err());
        assert!(Reader::new(&[3, 1, 2]).bytes(10).is_err());
        assert!(Reader::new(&[3, 1, 2, 3]).bytes(2).is_err());
    }
}
