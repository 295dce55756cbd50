//! What goes over a bus.

use std::fmt;

use bytes::Bytes;
use maily_errors::{Code, Error, Public, Result};

/// The most bytes of a message: 1 MiB.
pub const MAX_MESSAGE_BYTES: usize = 1024 * 1024;

/// The most bytes of the name of a channel.
pub const MAX_CHANNEL_BYTES: usize = 512;

/// The most messages that wait for a slow reader.
pub const MAX_BUFFER: usize = 65_536;

/// The most bytes of all messages that wait for a slow reader: 16 MiB.
pub const MAX_BUFFER_BYTES: usize = 16 * 1024 * 1024;

/// The name of a channel: 1 to [`MAX_CHANNEL_BYTES`] bytes of any content.
///
/// # Examples
///
/// ```
/// use maily_redis::bus::Channel;
///
/// assert_eq!(Channel::new("canvas:7")?.to_string(), "canvas:7");
/// assert!(Channel::new("").is_err());
/// # Ok::<(), maily_errors::Error>(())
/// ```
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Channel(Bytes);

impl Channel {
    /// Creates a name.
    ///
    /// # Errors
    ///
    /// - [`Code::Invalid`] when it is empty.
    /// - [`Code::RedisKeyTooLarge`] when it has more than [`MAX_CHANNEL_BYTES`] bytes.
    pub fn new(name: impl Into<Bytes>) -> Result<Self> {
        let name = name.into();
        if name.is_empty() {
            return Err(Error::new(Code::Invalid, "the name of the channel is empty")
                .with_operation("redis::channel"));
        }
        crate::model::at_most("redis::channel", name.len(), MAX_CHANNEL_BYTES)?;
        Ok(Self(name))
    }

    /// Returns the bytes of the name.
    #[must_use]
    pub const fn as_bytes(&self) -> &Bytes {
        &self.0
    }
}

impl fmt::Display for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        String::from_utf8_lossy(&self.0).fmt(f)
    }
}

/// What a subscription hears.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Heard {
    /// A message.
    Message(Bytes),
    /// Messages before the next one may be missing.
    Missed(Missed),
}

/// What a subscription may have missed.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Missed {
    /// How many messages were dropped here, because the reader was slower than they came.
    pub dropped: u64,
    /// Whether the link was lost for a time; what was published then is not known.
    pub link_lost: bool,
}

/// Checks the size of a message.
pub(super) fn message(message: &Bytes) -> Result<()> {
    if message.len() <= MAX_MESSAGE_BYTES {
        return Ok(());
    }
    Err(Error::new(Code::RedisPayloadTooLarge, "the message is over 1 MiB")
        .with_operation("redis::publish")
        .with_context("bytes", Public(message.len()))
        .with_context("limit_bytes", Public(MAX_MESSAGE_BYTES)))
}

/// Checks how many messages may wait.
pub(super) fn buffer(buffer: usize) -> Result<usize> {
    if (1..=MAX_BUFFER).contains(&buffer) {
        return Ok(buffer);
    }
    Err(Error::new(Code::Invalid, "the buffer is not 1 to 65 536 messages")
        .with_operation("redis::subscribe")
        .with_context("buffer", Public(buffer)))
}
