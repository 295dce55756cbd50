//! Records and their checksums. Pure functions.

use maily_analytics::model::Event;
use maily_errors::{Code, Error};
use sha2::{Digest, Sha256};

use crate::error::Failed;

/// Writes an event with its checksum before it.
pub(crate) fn seal(position: u64, event: &Event) -> Result<Vec<u8>, Failed> {
    let mut record = vec![0; SUM];
    serde_json::to_writer(&mut record, event)
        .map_err(|err| Failed(Error::from(Code::Unexpected).with_source(err)))?;
    let sum = sum(position, &record[SUM..]);
    record[..SUM].copy_from_slice(&sum);
    Ok(record)
}

/// Reads an event back.
pub(crate) fn open(position: u64, record: &[u8]) -> Result<Event, Failed> {
    let Some((stored, event)) = record.split_at_checked(SUM) else {
        return Err(Failed::corrupt("a record is cut"));
    };
    if stored != sum(position, event) {
        return Err(Failed::corrupt("the checksum of a record does not match"));
    }
    serde_json::from_slice(event).map_err(|_| Failed::corrupt("a record is not an event"))
}

fn sum(position: u64, event: &[u8]) -> [u8; SUM] {
    let hash = Sha256::new().chain_update(position.to_be_bytes()).chain_update(event).finalize();
    let mut sum = [0; SUM];
    sum.copy_from_slice(&hash[..SUM]);
    sum
}

const SUM: usize = 8;

#[cfg(test)]
mod tests {
    use maily_analytics::model::Event;

    use super::{open, seal};

    fn event() -> Event {
        let text = r#"{"source":"shop","id":"7","type":"open","time":"2026-01-05T10:00:00.123456789Z",
            "recipient":"a@b.c","machine":true,"extra":{"n":[1,2.5,"x"]}}"#;
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn record_is_read_back() {
        assert_eq!(open(7, &seal(7, &event()).unwrap()).unwrap(), event());
    }

    #[test]
    fn every_flipped_bit_is_seen() {
        let record = seal(7, &event()).unwrap();
        for bit in 0..record.len() * 8 {
            let mut damaged = record.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert!(open(7, &damaged).is_err());
        }
        assert!(open(8, &record).is_err());
        assert!(open(7, &record[..5]).is_err());
    }
}
