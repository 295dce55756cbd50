//! The beginnings of a prompt, by which it is told whether a node has seen something like it.

use std::array;

use crate::model::Prompt;

/// The hashes of the beginnings of a prompt's messages, shortest first.
///
/// The lengths grow by a quarter of an octave: 128 bytes, 160, 192, 224, 256, 320, up to 4 MiB. So a prompt has at most
/// 61 of them however long it is, and a common beginning is known to at least four fifths of its length. Equal
/// beginnings have equal hashes on every machine.
///
/// Source of the folded multiplication: Wang Yi, wyhash.
pub(super) struct Chain {
    hashes: [u64; Self::MOST],
    len: usize,
    bytes: usize,
}

impl Chain {
    /// The most beginnings of one prompt.
    pub(super) const MOST: usize = 61;
    /// The shortest beginning in bytes: for less it does not matter which node has seen it.
    pub(super) const SHORTEST: usize = 128;

    /// The chain of a prompt for which it does not matter.
    pub(super) const fn none() -> Self {
        Self { hashes: [0; Self::MOST], len: 0, bytes: 1 }
    }

    /// Reads the messages once.
    pub(super) fn of(prompt: &Prompt) -> Self {
        let messages = &prompt.body()[prompt.head.messages_span.clone()];
        // What a node has cached for one model is of no use to another one.
        let model = prompt.head.model.as_str().bytes();
        Self::over(messages, model.fold(SEED, |hash, byte| fold(hash ^ u64::from(byte), KEYS[0])))
    }

    fn over(bytes: &[u8], seed: u64) -> Self {
        let mut chain = Self { bytes: bytes.len(), ..Self::none() };
        let mut lanes: [u64; 4] = array::from_fn(|lane| seed ^ KEYS[lane]);
        let (mut read, mut next) = (0, Self::SHORTEST);
        // Four lanes, because a multiplication waits for the one before it.
        for block in bytes.as_chunks::<32>().0 {
            for (lane, word) in block.as_chunks::<8>().0.iter().enumerate() {
                lanes[lane] = fold(lanes[lane] ^ u64::from_le_bytes(*word), KEYS[lane]);
            }
            read += block.len();
            if read == next {
                chain.hashes[chain.len] =
                    lanes.into_iter().fold(seed, |hash, lane| fold(hash ^ lane, KEYS[1]));
                chain.len += 1;
                if chain.len == Self::MOST {
                    break;
                }
                next = length(chain.len);
            }
        }
        chain
    }

    /// Whether the prompt is too short for a beginning.
    pub(super) const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The hashes, shortest beginning first.
    pub(super) fn as_slice(&self) -> &[u64] {
        &self.hashes[..self.len]
    }

    /// What part of the messages the first `known` beginnings are, 0.0 to 1.0.
    pub(super) fn share(&self, known: usize) -> f64 {
        known.checked_sub(1).map_or(0.0, |last| length(last) as f64 / self.bytes as f64)
    }
}

/// The length in bytes of the beginning at a place of the chain: a multiple of 32.
const fn length(place: usize) -> usize {
    (Chain::SHORTEST << (place / 4)) / 4 * (4 + place % 4)
}

const fn fold(left: u64, right: u64) -> u64 {
    let product = left as u128 * right as u128;
    (product >> 64) as u64 ^ product as u64
}

const SEED: u64 = 0x9e37_79b9_7f4a_7c15;
const KEYS: [u64; 4] =
    [0xa076_1d64_78bd_642f, 0xe703_7ed1_a0b4_28db, 0x8ebc_6af0_9c88_c6e3, 0x5899_65cc_7537_4cc3];

#[cfg(test)]
mod tests {
    use super::*;

    fn text(len: usize) -> Vec<u8> {
        (0..len).map(|at| (at * 31 % 251) as u8).collect()
    }

    #[test]
    fn common_beginning_is_known_to_four_fifths() {
        for common in (Chain::SHORTEST..6000).step_by(77) {
            let (mut left, mut right) = (text(common), text(common));
            left.resize(8000, 1);
            right.resize(8000, 2);

            let (left, right) = (Chain::over(&left, 0), Chain::over(&right, 0));
            let known =
                left.as_slice().iter().zip(right.as_slice()).take_while(|(left, right)| left == right);
            let known = (left.share(known.count()) * 8000.0).round() as usize;

            assert!(known <= common && known >= common * 4 / 5, "{known} of {common}");
        }
    }

    #[test]
    fn chain_has_its_limits() {
        assert!(Chain::over(&text(Chain::SHORTEST - 1), 0).is_empty());
        assert_eq!(Chain::over(&text(Chain::SHORTEST), 0).as_slice().len(), 1);
        let longest = length(Chain::MOST - 1);
        assert_eq!(longest, 4 * 1024 * 1024);
        assert_eq!(Chain::over(&text(longest - 1), 0).as_slice().len(), Chain::MOST - 1);
        assert_eq!(Chain::over(&text(longest + 64), 0).as_slice().len(), Chain::MOST);
    }

    #[test]
    fn hashes_are_the_same_on_every_machine() {
        assert_eq!(Chain::over(&text(160), SEED).as_slice(), GOLDEN);
    }

    const GOLDEN: [u64; 2] = [18_199_117_761_996_266_433, 1_506_699_998_198_316_996];
}
