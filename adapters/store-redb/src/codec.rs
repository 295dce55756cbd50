//! Records and their checksums. Pure functions.

use sha2::{Digest, Sha256};

use crate::error::Failed;

/// Writes content with its checksum before it. The checksum is of the place too: a record is right nowhere else.
pub(crate) fn seal(place: &[u8], content: &[u8]) -> Vec<u8> {
    [&sum(place, content), content].concat()
}

/// Reads content back.
pub(crate) fn open<'r>(place: &[u8], record: &'r [u8]) -> Result<&'r [u8], Failed> {
    match record.split_at_checked(SUM) {
        Some((stored, content)) if stored == sum(place, content) => Ok(content),
        Some(_) => Err(Failed::Corrupt("the checksum of a record does not match")),
        None => Err(Failed::Corrupt("a record is cut")),
    }
}

fn sum(place: &[u8], content: &[u8]) -> [u8; SUM] {
    let hash = Sha256::new().chain_update(place).chain_update(content).finalize();
    let mut sum = [0; SUM];
    sum.copy_from_slice(&hash[..SUM]);
    sum
}

const SUM: usize = 8;

#[cfg(test)]
mod tests {
    use super::{open, seal};

    #[test]
    fn record_is_read_back() {
        assert_eq!(open(b"a7", &seal(b"a7", b"update")).unwrap(), b"update");
    }

    #[test]
    fn every_flipped_bit_is_seen() {
        let record = seal(b"a7", b"update");
        for bit in 0..record.len() * 8 {
            let mut damaged = record.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert!(open(b"a7", &damaged).is_err());
        }
        assert!(open(b"a8", &record).is_err());
        assert!(open(b"b7", &record).is_err());
        assert!(open(b"a7", &record[..5]).is_err());
    }
}
