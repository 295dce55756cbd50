//! Records and their checksums. Pure functions.

use bytes::Bytes;
use sha2::{Digest, Sha256};

use crate::error::Failed;

/// Writes an update with its checksum before it.
pub(crate) fn seal(document: &str, number: u64, update: &[u8]) -> Vec<u8> {
    let mut record = Vec::with_capacity(SUM + update.len());
    record.extend_from_slice(&sum(document, number, update));
    record.extend_from_slice(update);
    record
}

/// Reads an update back.
pub(crate) fn open(document: &str, number: u64, record: &[u8]) -> Result<Bytes, Failed> {
    match record.split_at_checked(SUM) {
        Some((stored, update)) if stored == sum(document, number, update) => {
            Ok(Bytes::copy_from_slice(update))
        }
        Some(_) => Err(Failed::corrupt("the checksum of a record does not match")),
        None => Err(Failed::corrupt("a record is cut")),
    }
}

fn sum(document: &str, number: u64, update: &[u8]) -> [u8; SUM] {
    // The name has no zero byte, so document and number cannot run into each other.
    let hash = Sha256::new()
        .chain_update(document.as_bytes())
        .chain_update([0])
        .chain_update(number.to_be_bytes())
        .chain_update(update)
        .finalize();
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
        let record = seal("a", 7, b"update");
        assert_eq!(open("a", 7, &record).unwrap(), "update");
    }

    #[test]
    fn every_flipped_bit_is_seen() {
        let record = seal("a", 7, b"update");
        for bit in 0..record.len() * 8 {
            let mut damaged = record.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert!(open("a", 7, &damaged).is_err());
        }
        assert!(open("a", 8, &record).is_err());
        assert!(open("b", 7, &record).is_err());
        assert!(open("a", 7, &record[..5]).is_err());
    }
}
