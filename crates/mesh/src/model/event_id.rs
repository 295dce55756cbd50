//! The number of an event, as `Last-Event-ID` carries it.

use std::fmt;
use std::str::FromStr;

use maily_errors::{Code, Error};

/// The number of a stream, drawn by chance: whoever knows it has seen the stream.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct StreamId(u128);

impl StreamId {
    /// Names a stream.
    #[must_use]
    pub const fn new(number: u128) -> Self {
        Self(number)
    }

    /// Draws a number of 128 bits.
    #[must_use]
    pub fn random() -> Self {
        Self(rand::random())
    }

    /// Returns the number of an event of it.
    pub(crate) const fn event(self, number: u32) -> EventId {
        EventId { stream: self.0, number }
    }
}

impl fmt::Display for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

/// The number of an event of a stream: the stream's own number, a hyphen, how many events it follows.
///
/// # Examples
///
/// ```
/// use maily_mesh::EventId;
///
/// let id: EventId = "00000000000000000000000000000abc-17".parse()?;
/// assert_eq!(id.to_string(), "00000000000000000000000000000abc-17");
/// assert!("abc-17".parse::<EventId>().is_err());
/// # Ok::<(), maily_errors::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct EventId {
    pub(crate) stream: u128,
    pub(crate) number: u32,
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}-{}", self.stream, self.number)
    }
}

impl FromStr for EventId {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parsed =
            text.split_once('-').filter(|(stream, _)| stream.len() == 32).and_then(|(stream, number)| {
                Some(Self { stream: u128::from_str_radix(stream, 16).ok()?, number: number.parse().ok()? })
            });
        parsed.ok_or_else(|| {
            Error::new(Code::StreamGone, "this is no event of a stream of ours")
                .with_operation("mesh::event_id")
        })
    }
}
