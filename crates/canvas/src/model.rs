//! The values that cross the crate.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use bytes::Bytes;
use maily_errors::{Code, Error, Public, Secret};
use serde::{Deserialize, Serialize};

/// The name of a document: 1 to 128 ASCII letters, digits, `-`, `_` or `.`, not only dots.
///
/// # Examples
///
/// ```
/// use maily_canvas::DocumentName;
///
/// let name: DocumentName = "spring-campaign".parse()?;
/// assert_eq!(name.as_str(), "spring-campaign");
/// assert!("../etc/passwd".parse::<DocumentName>().is_err());
/// # Ok::<(), maily_errors::Error>(())
/// ```
#[derive(Clone, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct DocumentName(Arc<str>);

impl DocumentName {
    /// Longest name, in bytes.
    pub const MAX_BYTES: usize = 128;

    /// Reads a name.
    ///
    /// # Errors
    ///
    /// - [`Code::DocumentName`] when it is empty, too long, or has another character.
    pub fn new(name: impl Into<Arc<str>>) -> Result<Self, Error> {
        let name = name.into();
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
        let fits = !name.is_empty() && name.len() <= Self::MAX_BYTES;
        // A name of dots alone would be a folder in a store that keeps files.
        if fits && name.bytes().all(allowed) && !name.bytes().all(|byte| byte == b'.') {
            return Ok(Self(name));
        }
        Err(Error::new(Code::DocumentName, "the document name is not allowed")
            .with_operation("document_name::new")
            .with_context("bytes", Public(name.len()))
            .with_context("limit_bytes", Public(Self::MAX_BYTES)))
    }

    /// Returns the name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for DocumentName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for DocumentName {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        Self::new(name)
    }
}

impl TryFrom<String> for DocumentName {
    type Error = Error;

    fn try_from(name: String) -> Result<Self, Error> {
        Self::new(name)
    }
}

impl From<DocumentName> for String {
    fn from(name: DocumentName) -> Self {
        name.as_str().to_owned()
    }
}

/// Who wants to open a document, as far as the transport knows.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Caller {
    /// The key that came with the request.
    pub key: Option<Secret<String>>,
}

impl Caller {
    /// Creates a caller who shows this key.
    #[must_use]
    pub const fn with_key(key: Secret<String>) -> Self {
        Self { key: Some(key) }
    }
}

/// What a caller may do with a document.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[non_exhaustive]
#[serde(rename_all = "snake_case")]
pub enum Rights {
    /// See it, and be seen.
    Read,
    /// Change it too.
    Write,
}

/// The answer of [`Access`](crate::port::Access): who it is, and what is allowed.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Grant {
    /// The person, if the key names one.
    pub user: Option<Arc<str>>,
    /// What is allowed.
    pub rights: Rights,
}

impl Grant {
    /// Allows everything, to nobody in particular.
    #[must_use]
    pub const fn write() -> Self {
        Self { user: None, rights: Rights::Write }
    }

    /// Allows reading, to nobody in particular.
    #[must_use]
    pub const fn read() -> Self {
        Self { user: None, rights: Rights::Read }
    }

    /// Names the person.
    #[must_use]
    pub fn with_user(mut self, user: impl Into<Arc<str>>) -> Self {
        self.user = Some(user.into());
        self
    }
}

/// What a store holds of one document.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Stored {
    /// The newest snapshot, as an update in v1 encoding.
    pub snapshot: Option<Bytes>,
    /// The updates after it, oldest first, in v1 encoding.
    pub updates: Vec<Bytes>,
    /// The sequence number of the last update, 0 before the first one.
    pub last: u64,
}

impl Stored {
    /// Creates what a store found.
    #[must_use]
    pub const fn new(snapshot: Option<Bytes>, updates: Vec<Bytes>, last: u64) -> Self {
        Self { snapshot, updates, last }
    }

    /// Returns how many bytes it holds.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.snapshot.iter().chain(&self.updates).map(Bytes::len).sum()
    }
}

/// How an overlay marks one element.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Mark {
    /// The element.
    pub element: String,
    /// A word or two, such as `verified`.
    pub label: String,
    /// How it is meant.
    pub tone: Tone,
}

/// How a [`Mark`] is meant; views choose a colour and a sign by it.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[non_exhaustive]
#[serde(rename_all = "snake_case")]
pub enum Tone {
    /// Something is wrong.
    Bad,
    /// All is well.
    Good,
    /// Neither.
    Neutral,
}
