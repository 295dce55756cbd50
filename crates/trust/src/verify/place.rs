//! Where in a part something happened.

use std::fmt;

use serde::Serialize;

use crate::canonical::Part;

/// A place in a part as it arrived. Lines are counted from 1, without empty ones.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[non_exhaustive]
#[serde(rename_all = "snake_case", tag = "where")]
pub enum Place {
    /// Text was added behind a line; behind line 0 is in front of everything.
    Added {
        /// The last line before it.
        after: usize,
        /// The first line of it, at most 160 bytes.
        text: String,
    },
    /// Words were added in front of a header value.
    InFront {
        /// The words.
        text: String,
    },
    /// These lines differ.
    Line {
        /// The first of them.
        first: usize,
        /// The last of them.
        last: usize,
        /// The first of them as it stands now, at most 160 bytes.
        text: String,
    },
    /// Lines that were certified are not here; behind this one.
    LinesMissing {
        /// The last line before them.
        after: usize,
    },
    /// A header value differs.
    Value {
        /// The value as it stands now, at most 160 bytes.
        text: String,
    },
}

impl Place {
    pub(super) fn added(part: &Part, after: usize) -> Self {
        Self::Added { after, text: excerpt(part, after) }
    }

    pub(super) fn lines(part: &Part, from: usize, to: usize) -> Self {
        Self::Line { first: from + 1, last: to, text: excerpt(part, from) }
    }

    pub(super) fn value(part: &Part) -> Self {
        Self::Value { text: excerpt(part, 0) }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Added { after: 0, text } => write!(f, "added above: {text:?}"),
            Self::Added { after, text } => write!(f, "added below line {after}: {text:?}"),
            Self::InFront { text } => write!(f, "{text:?} added in front"),
            Self::Line { first, last, text } if first == last => write!(f, "in line {first}: {text:?}"),
            Self::Line { first, last, text } => write!(f, "in lines {first} to {last}: {text:?}"),
            Self::LinesMissing { after } => write!(f, "behind line {after}: lines are missing"),
            Self::Value { text } => write!(f, "to {text:?}"),
        }
    }
}

/// Returns the beginning of a line.
fn excerpt(part: &Part, line: usize) -> String {
    let text = part.line(line).unwrap_or_default().trim();
    let cut = text.floor_char_boundary(160);
    text[..cut].to_owned()
}
