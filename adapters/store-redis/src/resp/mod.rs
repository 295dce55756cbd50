//! RESP3, the protocol of Redis and Valkey. No I/O.
//!
//! Source: the RESP specification, <https://redis.io/docs/latest/develop/reference/protocol-spec/>, and the RESP3
//! proposal, <https://github.com/antirez/RESP3/blob/master/spec.md>. Streamed strings and aggregates (`$?`, `*?`) are
//! in the proposal only; no server sends them, so they count as garbage here.

mod build;
mod element;
pub(crate) mod encode;
mod frames;
mod scan;
#[cfg(test)]
mod tests;

pub(crate) use self::frames::{Frame, Frames};

/// Why bytes are not RESP3, or more of it than is taken. The connection cannot go on after it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Malformed {
    /// Aggregates within aggregates, deeper than [`MAX_DEPTH`].
    Deep,
    /// What no server says.
    Garbage,
    /// A reply, or a line of one, over its limit.
    Large,
}

impl Malformed {
    /// Returns the reason in words.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Deep => "nested too deep",
            Self::Garbage => "not RESP3",
            Self::Large => "too large",
        }
    }
}

/// The most bytes of one reply: the largest value, and 1 MiB for what is around it.
pub(crate) const MAX_REPLY_BYTES: usize = maily_redis::MAX_VALUE_BYTES + 1024 * 1024;

/// The most aggregates within each other.
pub(crate) const MAX_DEPTH: usize = 32;

/// The most elements of one reply: a million short ones take 50 times the memory of their bytes.
pub(crate) const MAX_ELEMENTS: u64 = 1024 * 1024;

/// The most bytes of a line: a simple string, an error, a number.
const MAX_LINE_BYTES: usize = 64 * 1024;

/// Up to this size data are copied out of what arrived: the copy costs no more than sharing would, and who keeps 64
/// bytes keeps 64 bytes.
const MAX_COPIED_BYTES: usize = 4 * 1024;
