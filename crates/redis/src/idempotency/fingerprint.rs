use std::fmt;

use sha2::{Digest as _, Sha256};

/// What a request says, in 32 bytes: the same key must not stand for two requests.
///
/// # Examples
///
/// ```
/// use maily_redis::idempotency::Fingerprint;
///
/// let one = Fingerprint::of(&[b"POST", b"/send"]);
/// assert_eq!(one, Fingerprint::of(&[b"POST", b"/send"]));
/// assert_ne!(one, Fingerprint::of(&[b"POST/", b"send"]));
/// ```
#[derive(Clone, Copy, Eq, Hash, PartialEq)]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// Computes the fingerprint of the parts of a request: SHA-256 over each part behind its length.
    ///
    /// Leave out what may differ when a client sends the same request again, such as dates and trace ids.
    #[must_use]
    pub fn of(parts: &[&[u8]]) -> Self {
        let mut hash = Sha256::new();
        for part in parts {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        Self(hash.finalize().into())
    }

    /// Creates a fingerprint from 32 bytes that somebody else computed.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Returns the 32 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// A fingerprint of short input can be guessed back, so it is not shown.
impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Fingerprint(..)")
    }
}
