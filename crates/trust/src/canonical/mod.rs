//! A message in two tiers: exactly as it was sent, and what it says.
//!
//! - **exact**: SHA-256 over the headers that matter and the body, both in the relaxed form of DKIM
//!   (RFC 6376, section 3.4). Any relay that adds a footer changes it.
//! - **content**: one Merkle leaf per thing that a reader sees: subject, sender, each text, each attachment,
//!   the links. A text is hashed line by line, so that a footer below it leaves what is above intact.
//!
//! What the content tier does not see, on purpose: transfer encodings, line ends, spaces at the end of a
//! line, empty lines, the nesting of multiparts. A text that does not decode is compared by its bytes.
//!
//! # Limits
//!
//! 26,214,400 bytes, 1,048,576 of them headers, 16 levels, 1,000 parts, 16 senders
//! and 16 subjects, 65,536 lines of a text (the last
//! leaf holds whatever follows), 1,000 links.
//!
//! # Examples
//!
//! ```
//! use maily_trust::canonical::Canonical;
//!
//! let sent = Canonical::of(b"Subject: Hi\nFrom: a@b.example\n\nOne.\nTwo.\n")?;
//! let relayed = Canonical::of(b"From: a@b.example\r\nSubject:  Hi\r\n\r\nOne. \r\n\r\nTwo.\r\n")?;
//!
//! assert_ne!(sent.exact(), relayed.exact());
//! assert_eq!(sent.root(), relayed.root());
//! # Ok::<(), maily_errors::Error>(())
//! ```

mod decode;
mod exact;
mod fields;
mod html;
mod mime;
mod part;

use maily_errors::{Code, Error, Public};

pub(crate) use self::fields::Head;
pub use self::part::{Part, PartKind};
pub(crate) use self::part::{lines_leaf, value_leaf};

use crate::merkle::{Hash, Tree};
use crate::proof::HEADER;

/// The most bytes a message may have; its proofs do not count.
pub const MAX_MESSAGE_BYTES: usize = 26_214_400;
/// The most bytes the headers of a message, or of one part, may have.
pub const MAX_HEADER_BYTES: usize = 1_048_576;
/// How deep parts may be nested.
pub const MAX_DEPTH: usize = 16;
/// The most parts a message may have, multiparts included.
pub const MAX_PARTS: usize = 1_000;
/// How often the sender or the subject may stand in the headers.
pub const MAX_REPEATS: usize = 16;
/// The most lines of a text that have a leaf of their own.
pub const MAX_LINES: usize = 65_536;
/// The most links that are read from the HTML parts.
pub const MAX_LINKS: usize = 1_000;

/// The canonical form of one message.
#[derive(Clone, Debug)]
pub struct Canonical {
    exact: Hash,
    parts: Vec<Part>,
}

impl Canonical {
    /// Reads a message. Runs in O(bytes × depth).
    ///
    /// # Errors
    ///
    /// - [`Code::MailMalformed`] when the bytes do not begin with a header field.
    /// - [`Code::MailTooLarge`] and [`Code::MailTooDeep`] over the limits of this module.
    pub fn of(message: &[u8]) -> Result<Self, Error> {
        let head = Head::of(message)?;
        // Proofs do not count: a message of full size stays readable once it is certified.
        let proofs: usize = head.all(HEADER).map(|field| field.span.1 - field.span.0).sum();
        let bytes = message.len() - proofs;
        if bytes > MAX_MESSAGE_BYTES {
            return Err(Error::new(Code::MailTooLarge, "the message is over its limit")
                .with_operation("canonical::of")
                .with_context("bytes", Public(bytes))
                .with_context("limit_bytes", Public(MAX_MESSAGE_BYTES)));
        }
        let parts = mime::parts(&head)?;
        Ok(Self { exact: exact::hash(&head), parts })
    }

    /// Returns the hash of the exact tier.
    #[must_use]
    pub const fn exact(&self) -> Hash {
        self.exact
    }

    /// Returns the parts: sender, subject, then the leaves of the message in their order, then the links.
    #[must_use]
    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// Returns the Merkle root over the leaves of the parts.
    #[must_use]
    pub fn root(&self) -> Hash {
        self.parts.iter().map(Part::leaf).collect::<Tree>().root()
    }
}

#[cfg(test)]
mod tests;
