//! What the store holds for a cached value. Pure functions.
//!
//! Version 1, 32 bytes before the value; numbers are big endian:
//!
//! | bytes | content |
//! | --- | --- |
//! | 0 | `0xC5`, which begins no UTF-8 text that is followed by byte 1 |
//! | 1 | version, 1 |
//! | 2 | 0 nothing yet, 1 a value, 2 known to be absent |
//! | 3 | 0 |
//! | 4..8 | how long the load took, in milliseconds |
//! | 8..16 | how long before its end in the store the value is stale, in milliseconds |
//! | 16..24 | who loads it now, a random number; 0 for nobody |
//! | 24..32 | how often that one has said that it goes on |
//! | 32.. | the value |
//!
//! Times are relative to the end that the store keeps, so that clocks of processes do not matter. A version that is
//! not known is as good as nothing: it is loaded again and replaced.

use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};

/// A cached value as the store holds it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Envelope {
    pub(super) content: Option<Content>,
    /// How long the load took.
    pub(super) took: Duration,
    /// How long before its end it is stale.
    pub(super) stale: Duration,
    pub(super) lease: Option<Lease>,
}

/// The value, or that there is none.
pub(super) type Content = Option<Bytes>;

/// Who loads a value, and a sign of life.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Lease {
    pub(super) holder: u64,
    pub(super) beat: u64,
}

impl Envelope {
    /// Creates an envelope that nobody loads.
    pub(super) const fn new(content: Content, took: Duration, stale: Duration) -> Self {
        Self { content: Some(content), took, stale, lease: None }
    }

    /// Creates one that holds nothing.
    pub(super) const fn empty() -> Self {
        Self { content: None, took: Duration::ZERO, stale: Duration::ZERO, lease: None }
    }

    /// Writes it.
    pub(super) fn encode(&self) -> Bytes {
        let value = self.content.as_ref().and_then(Option::as_ref);
        let mut bytes = BytesMut::with_capacity(HEADER + value.map_or(0, Bytes::len));
        bytes.put_slice(&[MAGIC, VERSION, self.kind(), 0]);
        bytes.put_u32(u32::try_from(self.took.as_millis()).unwrap_or(u32::MAX));
        bytes.put_u64(u64::try_from(self.stale.as_millis()).unwrap_or(u64::MAX));
        let lease = self.lease.unwrap_or(Lease { holder: 0, beat: 0 });
        bytes.put_u64(lease.holder);
        bytes.put_u64(lease.beat);
        bytes.extend_from_slice(value.map_or(&[], Bytes::as_ref));
        bytes.freeze()
    }

    /// Reads one; `None` when the bytes are none of any version.
    #[inline]
    pub(super) fn decode(bytes: &Bytes) -> Option<Self> {
        let header: &[u8; HEADER] = bytes.first_chunk()?;
        if header[0] != MAGIC || header[1] == 0 || header[3] != 0 {
            return None;
        }
        let content = match (header[1], header[2]) {
            (VERSION, NOTHING) => None,
            (VERSION, VALUE) => Some(Some(bytes.slice(HEADER..))),
            (VERSION, ABSENT) => Some(None),
            (VERSION, _) => return None,
            // Of a later version.
            _ => return Some(Self::empty()),
        };
        let [_, _, _, _, a, b, c, d, rest @ ..] = *header;
        let long = |at: usize| u64::from_be_bytes(std::array::from_fn(|index| rest[at + index]));
        let lease = Lease { holder: long(8), beat: long(16) };
        Some(Self {
            content,
            took: Duration::from_millis(u32::from_be_bytes([a, b, c, d]).into()),
            stale: Duration::from_millis(long(0)),
            lease: (lease.holder != 0).then_some(lease),
        })
    }

    const fn kind(&self) -> u8 {
        match &self.content {
            None => NOTHING,
            Some(Some(_)) => VALUE,
            Some(None) => ABSENT,
        }
    }
}

/// How many bytes stand before the value.
pub(super) const HEADER: usize = 32;

const MAGIC: u8 = 0xC5;
const VERSION: u8 = 1;
const NOTHING: u8 = 0;
const VALUE: u8 = 1;
const ABSENT: u8 = 2;
