//! What a certificate knows of a part.

use crate::canonical::{Part, PartKind};
use crate::merkle::{Hash, leaf_hash};

/// The digest of a part, and for a text the hints that find the place of a change.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PartRecord {
    pub(crate) kind: PartKind,
    pub(crate) name: String,
    pub(crate) digest: [u8; 16],
    pub(crate) lines: u32,
    pub(crate) hints: Vec<u16>,
}

impl PartRecord {
    /// The most hints that a text has.
    pub(crate) const MAX_HINTS: usize = 32;
    /// The most bytes of a file name that are kept; the digest covers all of it.
    pub(crate) const MAX_NAME_BYTES: usize = 48;
    /// The most hints that all texts of a message share.
    const ALL_HINTS: usize = 96;

    /// Returns what the part is.
    #[must_use]
    pub const fn kind(&self) -> PartKind {
        self.kind
    }

    /// Returns the file name, cut to 48 bytes, or nothing.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the first 16 bytes of the hash of the part.
    #[must_use]
    pub const fn digest(&self) -> &[u8; 16] {
        &self.digest
    }

    /// Returns how many lines a text has.
    #[must_use]
    pub const fn lines(&self) -> u32 {
        self.lines
    }

    /// Returns how many lines one hint stands for.
    pub(crate) fn stride(&self) -> usize {
        (self.lines as usize).div_ceil(self.hints.len().max(1)).max(1)
    }
}

/// Describes the parts of a message.
pub(super) fn records(parts: &[Part]) -> Vec<PartRecord> {
    let texts = parts.iter().filter(|part| part.kind().has_lines()).count();
    let share = (PartRecord::ALL_HINTS / texts.max(1)).clamp(1, PartRecord::MAX_HINTS);
    let record = |part: &Part| {
        let stride = part.hashes().len().div_ceil(share).max(1);
        PartRecord {
            kind: part.kind(),
            name: cut(part.name()).to_owned(),
            digest: part.leaf().short(),
            lines: part.hashes().len() as u32,
            hints: hints(part.hashes(), stride),
        }
    };
    parts.iter().map(record).collect()
}

/// Returns one hint for each `stride` lines.
pub(crate) fn hints(hashes: &[Hash], stride: usize) -> Vec<u16> {
    let hint = |lines: &[Hash]| {
        let hash = match lines {
            [line] => *line,
            lines => leaf_hash(&lines.iter().flat_map(|line| *line.as_bytes()).collect::<Vec<_>>()),
        };
        u16::from_be_bytes([hash.as_bytes()[0], hash.as_bytes()[1]])
    };
    hashes.chunks(stride).map(hint).collect()
}

fn cut(name: &str) -> &str {
    &name[..name.floor_char_boundary(PartRecord::MAX_NAME_BYTES)]
}
