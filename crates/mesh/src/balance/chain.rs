//! The beginnings of a prompt, by which it is told whether a node has seen something like it.

use std::array;

use crate::model::Prompt;

/// The hashes of the beginnings of a prompt, shortest first: of its tools, then its rules, then its messages.
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

    /// Reads the prompt once.
    pub(super) fn of(prompt: &Prompt) -> Self {
        let parts = prompt.head.spans.read(prompt.body());
        // What a node has cached for one model is of no use to another one.
        let model = prompt.head.model.as_str().bytes();
        Self::over(parts, model.fold(SEED, |hash, byte| fold(hash ^ u64::from(byte), KEYS[0])))
    }

    /// Reads parts as if they stood one behind the other.
    fn over<const N: usize>(parts: [&[u8]; N], seed: u64) -> Self {
        let bytes = parts.iter().map(|part| part.len()).sum();
        let mut reader = Reader::new(Self { bytes, ..Self::none() }, seed);
        // What does not fill a block waits for the next part.
        let (mut begun, mut filled) = ([0; BLOCK], 0);
        for mut part in parts {
            if filled > 0 {
                let (fits, rest) = part.split_at(part.len().min(BLOCK - filled));
                begun[filled..filled + fits.len()].copy_from_slice(fits);
                (filled, part) = (filled + fits.len(), rest);
                if filled < BLOCK {
                    continue;
                }
                reader.read(&[begun]);
            }
            let (blocks, rest) = part.as_chunks();
            reader.read(blocks);
            begun[..rest.len()].copy_from_slice(rest);
            filled = rest.len();
        }
        reader.chain
    }

    /// Whether the prompt is too short for a beginning.
    pub(super) const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The hashes, shortest beginning first.
    pub(super) fn as_slice(&self) -> &[u64] {
        &self.hashes[..self.len]
    }

    /// What part of the prompt the first `known` beginnings are, 0.0 to 1.0.
    pub(super) fn share(&self, known: usize) -> f64 {
        known.checked_sub(1).map_or(0.0, |last| length(last) as f64 / self.bytes as f64)
    }
}

/// Hashes blocks until the chain is full.
struct Reader {
    chain: Chain,
    seed: u64,
    // Four lanes, because a multiplication waits for the one before it.
    lanes: [u64; 4],
    read: usize,
}

impl Reader {
    fn new(chain: Chain, seed: u64) -> Self {
        Self { chain, seed, lanes: array::from_fn(|lane| seed ^ KEYS[lane]), read: 0 }
    }

    fn read(&mut self, blocks: &[[u8; BLOCK]]) {
        let mut next = length(self.chain.len);
        for block in blocks {
            if self.chain.len == Chain::MOST {
                return;
            }
            for (lane, word) in block.as_chunks::<8>().0.iter().enumerate() {
                self.lanes[lane] = fold(self.lanes[lane] ^ u64::from_le_bytes(*word), KEYS[lane]);
            }
            self.read += BLOCK;
            if self.read == next {
                self.chain.hashes[self.chain.len] =
                    self.lanes.into_iter().fold(self.seed, |hash, lane| fold(hash ^ lane, KEYS[1]));
                self.chain.len += 1;
                next = length(self.chain.len);
            }
        }
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

/// As many bytes as the lanes read at once.
const BLOCK: usize = 32;
const SEED: u64 = 0x9e37_79b9_7f4a_7c15;
const KEYS: [u64; 4] =
    [0xa076_1d64_78bd_642f, 0xe703_7ed1_a0b4_28db, 0x8ebc_6af0_9c88_c6e3, 0x5899_65cc_7537_4cc3];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Format;

    fn text(len: usize) -> Vec<u8> {
        (0..len).map(|at| (at * 31 % 251) as u8).collect()
    }

    #[test]
    fn common_beginning_is_known_to_four_fifths() {
        for common in (Chain::SHORTEST..6000).step_by(77) {
            let (mut left, mut right) = (text(common), text(common));
            left.resize(8000, 1);
            right.resize(8000, 2);

            let (left, right) = (Chain::over([&left], 0), Chain::over([&right], 0));
            let known =
                left.as_slice().iter().zip(right.as_slice()).take_while(|(left, right)| left == right);
            let known = (left.share(known.count()) * 8000.0).round() as usize;

            assert!(known <= common && known >= common * 4 / 5, "{known} of {common}");
        }
    }

    #[test]
    fn parts_are_read_as_one_text() {
        let whole = text(5000);
        let chain = Chain::over([&whole], SEED);
        for (first, second) in [(0, 0), (1, 31), (31, 33), (32, 64), (100, 100), (700, 4999), (5000, 5000)] {
            let parts = Chain::over([&whole[..first], &whole[first..second], &whole[second..]], SEED);
            assert_eq!(parts.as_slice(), chain.as_slice(), "{first} {second}");
            assert_eq!(parts.bytes, chain.bytes);
        }
    }

    #[test]
    fn tools_and_rules_are_part_of_the_beginning() {
        let body = |city: &str, rules: &str| {
            let tools = format!("[{{\"name\":\"weather\",\"description\":\"{}\"}}]", "sunny ".repeat(40));
            format!(
                "{{\"messages\":[{{\"role\":\"user\",\"content\":\"{city}\"}}],\"model\":\"m\",\"max_tokens\":9,\"system\":\"{rules}\",\"tools\":{tools}}}"
            )
        };
        let chain = |city, rules| Chain::of(&Prompt::parse_as(Format::Messages, body(city, rules)).unwrap());
        let common = |left: &Chain, right: &Chain| {
            left.as_slice().iter().zip(right.as_slice()).take_while(|(left, right)| left == right).count()
        };
        let rules = "speak like a sailor ".repeat(20);

        let (bern, rome) = (chain("Bern", &rules), chain("Rome", &rules));
        assert!(bern.share(common(&bern, &rome)) > 0.7, "they differ in one word");
        let other = chain("Bern", "say nothing");
        assert!((0.2..0.5).contains(&bern.share(common(&bern, &other))), "they have the tools in common");
    }

    #[test]
    fn chain_has_its_limits() {
        assert!(Chain::over([&text(Chain::SHORTEST - 1)], 0).is_empty());
        assert_eq!(Chain::over([&text(Chain::SHORTEST)], 0).as_slice().len(), 1);
        let longest = length(Chain::MOST - 1);
        assert_eq!(longest, 4 * 1024 * 1024);
        assert_eq!(Chain::over([&text(longest - 1)], 0).as_slice().len(), Chain::MOST - 1);
        assert_eq!(Chain::over([&text(longest + 64)], 0).as_slice().len(), Chain::MOST);
    }

    #[test]
    fn hashes_are_the_same_on_every_machine() {
        assert_eq!(Chain::over([&text(160)], SEED).as_slice(), GOLDEN);
    }

    const GOLDEN: [u64; 2] = [18_199_117_761_996_266_433, 1_506_699_998_198_316_996];
}
