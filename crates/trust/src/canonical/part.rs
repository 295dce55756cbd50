//! One leaf of a message.

use std::fmt;
use std::ops::Range;

use super::MAX_LINES;
use crate::codec::{put_bytes, put_number};
use crate::merkle::{Hash, Tree, leaf_hash};

/// What a part is to a reader.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq, serde::Serialize)]
#[non_exhaustive]
#[serde(rename_all = "snake_case")]
pub enum PartKind {
    /// A file to save.
    Attachment,
    /// The `From` field.
    From,
    /// A text in HTML.
    Html,
    /// A picture inside a text.
    InlineImage,
    /// Where the links of the HTML parts lead.
    Links,
    /// The `Subject` field.
    Subject,
    /// A plain text.
    Text,
}

impl PartKind {
    pub(crate) const fn number(self) -> u8 {
        match self {
            Self::From => 1,
            Self::Subject => 2,
            Self::Text => 3,
            Self::Html => 4,
            Self::InlineImage => 5,
            Self::Attachment => 6,
            Self::Links => 7,
        }
    }

    pub(crate) const fn from_number(number: u8) -> Option<Self> {
        Some(match number {
            1 => Self::From,
            2 => Self::Subject,
            3 => Self::Text,
            4 => Self::Html,
            5 => Self::InlineImage,
            6 => Self::Attachment,
            7 => Self::Links,
            _ => return None,
        })
    }

    /// Returns whether the part is hashed line by line.
    pub(crate) const fn has_lines(self) -> bool {
        matches!(self, Self::Html | Self::Links | Self::Text)
    }
}

impl fmt::Display for PartKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Attachment => "attachment",
            Self::From => "sender",
            Self::Html => "text/html part",
            Self::InlineImage => "inline image",
            Self::Links => "links",
            Self::Subject => "subject",
            Self::Text => "text/plain part",
        })
    }
}

/// One thing that a reader sees, and its hash.
#[derive(Clone, Debug)]
pub struct Part {
    kind: PartKind,
    name: String,
    text: String,
    ranges: Vec<Range<usize>>,
    hashes: Vec<Hash>,
    leaf: Hash,
}

impl Part {
    /// Hashes a text line by line.
    pub(super) fn lines(kind: PartKind, text: String) -> Self {
        let ranges = line_ranges(&text);
        let hashes: Vec<_> = ranges.iter().map(|range| leaf_hash(text[range.clone()].as_bytes())).collect();
        let leaf = lines_leaf(kind, &hashes);
        Self { kind, name: String::new(), text, ranges, hashes, leaf }
    }

    /// Hashes a value as a whole.
    pub(super) fn value(kind: PartKind, text: String) -> Self {
        let leaf = value_leaf(kind, &text);
        let whole = 0..text.len();
        Self { kind, name: String::new(), text, ranges: vec![whole], hashes: Vec::new(), leaf }
    }

    /// Hashes the bytes of a file, its name and its type.
    pub(super) fn file(kind: PartKind, name: String, content_type: &str, bytes: &[u8]) -> Self {
        let mut data = vec![kind.number()];
        put_bytes(&mut data, name.as_bytes());
        put_bytes(&mut data, content_type.as_bytes());
        put_number(&mut data, bytes.len() as u64);
        data.extend_from_slice(Hash::of(bytes).as_bytes());
        let leaf = leaf_hash(&data);
        Self { kind, name, text: String::new(), ranges: Vec::new(), hashes: Vec::new(), leaf }
    }

    /// Returns what the part is.
    #[must_use]
    pub const fn kind(&self) -> PartKind {
        self.kind
    }

    /// Returns the file name, or nothing.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the hash of the part, which is its leaf in the tree of the message.
    #[must_use]
    pub const fn leaf(&self) -> Hash {
        self.leaf
    }

    /// Returns the hashes of the lines; none for a header or a file.
    pub(crate) fn hashes(&self) -> &[Hash] {
        &self.hashes
    }

    /// Returns the text of a line, or the value of a header.
    pub(crate) fn line(&self, index: usize) -> Option<&str> {
        self.ranges.get(index).map(|range| &self.text[range.clone()])
    }
}

/// Returns the leaf of a text whose lines have these hashes.
pub(crate) fn lines_leaf(kind: PartKind, hashes: &[Hash]) -> Hash {
    let mut data = vec![kind.number()];
    put_number(&mut data, hashes.len() as u64);
    data.extend_from_slice(Tree::from_leaves(hashes.to_vec()).root().as_bytes());
    leaf_hash(&data)
}

/// Returns the leaf of a header value.
pub(crate) fn value_leaf(kind: PartKind, text: &str) -> Hash {
    let mut data = vec![kind.number()];
    put_bytes(&mut data, text.as_bytes());
    leaf_hash(&data)
}

/// Finds the lines that are not empty, without the white space at their end.
fn line_ranges(text: &str) -> Vec<Range<usize>> {
    let mut ranges: Vec<Range<usize>> = Vec::new();
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let end = at + line.trim_end_matches([' ', '\t', '\r', '\n']).len();
        if end > at && ranges.len() < MAX_LINES {
            ranges.push(at..end);
        } else if end > at
            && let Some(last) = ranges.last_mut()
        {
            last.end = end;
        }
        at += line.len();
    }
    ranges
}
