//! Who goes first.

use serde::{Deserialize, Serialize};

/// What a prompt is for, which says who goes first when there is more to do than can be done at once.
///
/// # Examples
///
/// ```
/// use maily_mesh::Priority;
///
/// assert_eq!(Priority::of("batch"), Some(Priority::Batch));
/// assert_eq!(Priority::of("urgent"), None);
/// assert!(Priority::Interactive < Priority::Batch);
/// ```
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[non_exhaustive]
#[serde(rename_all = "lowercase")]
pub enum Priority {
    /// Somebody waits for the answer.
    #[default]
    Interactive,
    /// A program waits for the answer, and can wait a little longer.
    Standard,
    /// The answer may come later, or not at all when others need the nodes.
    Batch,
}

impl Priority {
    /// Reads a priority, as a header writes it: `interactive`, `standard` or `batch`.
    #[must_use]
    pub fn of(name: &str) -> Option<Self> {
        match name {
            "interactive" => Some(Self::Interactive),
            "standard" => Some(Self::Standard),
            "batch" => Some(Self::Batch),
            _ => None,
        }
    }

    /// Returns the word that [`of`](Self::of) reads.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Interactive => "interactive",
            Self::Standard => "standard",
            Self::Batch => "batch",
        }
    }
}
