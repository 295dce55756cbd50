//! A value as the file holds it. Pure functions, but for the clock.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;

use crate::codec;
use crate::error::Failed;

/// A value, and when its time is over.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Row {
    pub(super) value: Bytes,
    /// Milliseconds since 1970; `None` for never.
    pub(super) ends_ms: Option<u64>,
}

impl Row {
    /// Creates a row that lives for `ttl` from now.
    pub(super) fn new(value: Bytes, ttl: Option<Duration>, now_ms: u64) -> Self {
        Self { value, ends_ms: ttl.map(|ttl| now_ms.saturating_add(millis(ttl))) }
    }

    /// Writes it with a checksum of key and content.
    pub(super) fn encode(&self, key: &[u8]) -> Vec<u8> {
        // No time is over in 1970.
        let ends = self.ends_ms.unwrap_or(NEVER).to_be_bytes();
        codec::seal(key, &[&ends, self.value.as_ref()].concat())
    }

    /// Reads it.
    pub(super) fn decode(key: &[u8], record: &[u8]) -> Result<Self, Failed> {
        let content = codec::open(key, record)?;
        let (ends, value) = content.split_first_chunk().ok_or(Failed::Corrupt("a record has no time"))?;
        let ends_ms = Some(u64::from_be_bytes(*ends)).filter(|ends| *ends != NEVER);
        Ok(Self { value: Bytes::copy_from_slice(value), ends_ms })
    }

    pub(super) fn lives(&self, now_ms: u64) -> bool {
        self.ends_ms.is_none_or(|ends| ends > now_ms)
    }

    /// Returns how long it lives from now.
    pub(super) fn left(&self, now_ms: u64) -> Option<Duration> {
        self.ends_ms.map(|ends| Duration::from_millis(ends.saturating_sub(now_ms)))
    }
}

/// Returns the time of the system, in milliseconds since 1970.
pub(super) fn now_ms() -> u64 {
    millis(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default())
}

/// Whole milliseconds, rounded up: a value never ends before its time.
fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX)
}

const NEVER: u64 = 0;

#[cfg(test)]
mod tests {
    use super::Row;

    #[test]
    fn row_is_read_back_under_its_key_only() {
        for ends_ms in [None, Some(1), Some(u64::MAX)] {
            for value in ["", "value"] {
                let row = Row { value: value.into(), ends_ms };
                let record = row.encode(b"key");
                assert_eq!(Row::decode(b"key", &record).unwrap(), row);
                assert!(Row::decode(b"other", &record).is_err());
                assert!(Row::decode(b"key", &record[..record.len() - 1]).is_err());
            }
        }
    }
}
