//! Telling a write that a crash cut off from damage.
//!
//! A crash leaves a bad record only at the end. So bad bytes are cut off only when no good record follows
//! anywhere behind them; else they are damage, and the file stays as it is.

use crate::record::{MAGIC, unframe};

/// What stands behind the last good record.
#[derive(Debug, Eq, PartialEq)]
pub(crate) enum Tail {
    /// Nothing.
    Clean,
    /// A record that was not written to its end.
    Torn,
    /// Bad bytes with a good record behind them.
    Damaged,
}

/// Judges the bytes behind the last good record. Runs in O(bytes × markers in them).
pub(crate) fn judge(tail: &[u8]) -> Tail {
    if tail.is_empty() {
        return Tail::Clean;
    }
    let mut at = 1;
    while let Some(found) = find(&tail[at.min(tail.len())..]) {
        at += found;
        if unframe(&tail[at..]).is_some() {
            return Tail::Damaged;
        }
        at += 1;
    }
    Tail::Torn
}

fn find(bytes: &[u8]) -> Option<usize> {
    bytes.windows(MAGIC.len()).position(|window| window == MAGIC)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::frame;

    #[test]
    fn cut_record_is_torn_at_every_byte() {
        let record = frame(b"payload");

        for end in 1..record.len() {
            assert_eq!(judge(&record[..end]), Tail::Torn);
        }
        assert_eq!(judge(&[]), Tail::Clean);
        assert_eq!(judge(&[0; 4096]), Tail::Torn);
    }

    #[test]
    fn bad_record_in_front_of_a_good_one_is_damage_at_every_byte() {
        let (first, second) = (frame(b"first"), frame(b"second"));

        for index in 0..first.len() {
            let mut bytes = [first.as_slice(), &second].concat();
            bytes[index] ^= 0x40;
            assert_eq!(judge(&bytes), Tail::Damaged, "byte {index}");
        }
    }
}
