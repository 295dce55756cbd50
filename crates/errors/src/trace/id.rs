use std::fmt;
use std::num::{NonZeroU64, NonZeroU128};
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The number of a trace: 32 hexadecimal digits, not all zero.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct TraceId(NonZeroU128);

/// The number of a span: 16 hexadecimal digits, not all zero.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct SpanId(NonZeroU64);

// === impl TraceId ===

impl TraceId {
    pub(super) fn random() -> Self {
        // Zero is the one value that the standard forbids.
        Self(NonZeroU128::MIN | rand::random::<u128>())
    }

    /// Returns the 16 bytes, the first digits first.
    #[must_use]
    pub const fn to_bytes(self) -> [u8; 16] {
        self.0.get().to_be_bytes()
    }

    /// Returns the 32 digits as ASCII.
    #[must_use]
    pub fn digits(self) -> [u8; 32] {
        let mut text = [0; 32];
        write_digits(&self.0.get().to_be_bytes(), &mut text);
        text
    }
}

// === impl SpanId ===

impl SpanId {
    pub(super) fn random() -> Self {
        Self(NonZeroU64::MIN | rand::random::<u64>())
    }

    /// Returns the 8 bytes, the first digits first.
    #[must_use]
    pub const fn to_bytes(self) -> [u8; 8] {
        self.0.get().to_be_bytes()
    }

    /// Returns the 16 digits as ASCII.
    #[must_use]
    pub fn digits(self) -> [u8; 16] {
        let mut text = [0; 16];
        write_digits(&self.0.get().to_be_bytes(), &mut text);
        text
    }
}

/// The text is not an id: not of the right length, other than lower-case hexadecimal digits, or zero.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct NotAnId;

impl fmt::Display for NotAnId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the text is not the id of a trace or a span")
    }
}

impl std::error::Error for NotAnId {}

impl FromStr for TraceId {
    type Err = NotAnId;

    fn from_str(text: &str) -> Result<Self, NotAnId> {
        hex(text, 32).and_then(NonZeroU128::new).map(Self).ok_or(NotAnId)
    }
}

impl FromStr for SpanId {
    type Err = NotAnId;

    fn from_str(text: &str) -> Result<Self, NotAnId> {
        let number = hex(text, 16).and_then(|number| u64::try_from(number).ok());
        number.and_then(NonZeroU64::new).map(Self).ok_or(NotAnId)
    }
}

macro_rules! id_as_text {
    ($($id:ty),*) => {$(
        impl fmt::Display for $id {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(std::str::from_utf8(&self.digits()).unwrap_or_default())
            }
        }

        impl Serialize for $id {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(std::str::from_utf8(&self.digits()).unwrap_or_default())
            }
        }

        impl<'de> Deserialize<'de> for $id {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    )*};
}

id_as_text!(TraceId, SpanId);

pub(super) fn hex(text: &str, digits: usize) -> Option<u128> {
    let fits = text.len() == digits && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    fits.then(|| u128::from_str_radix(text, 16).ok()).flatten()
}

fn write_digits(bytes: &[u8], text: &mut [u8]) {
    for (byte, pair) in bytes.iter().zip(text.chunks_exact_mut(2)) {
        pair[0] = DIGITS[usize::from(byte >> 4)];
        pair[1] = DIGITS[usize::from(byte & 15)];
    }
}

const DIGITS: &[u8; 16] = b"0123456789abcdef";
