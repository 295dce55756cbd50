//! The data that crosses the crate.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use maily_errors::{Code, Error, Kind, Public, Result};
use smallvec::SmallVec;
use tokio::time::Instant;

/// The most bytes of a key.
pub const MAX_KEY_BYTES: usize = 1024;

/// The most bytes of a value: 64 MiB.
pub const MAX_VALUE_BYTES: usize = 64 * 1024 * 1024;

/// The longest time that a value may live: 100 years.
pub const MAX_TTL: Duration = Duration::from_secs(100 * 365 * 24 * 3600);

/// A name under which a value is stored: 1 to [`MAX_KEY_BYTES`] bytes of any content.
///
/// # Examples
///
/// ```
/// use maily_redis::{Key, MAX_KEY_BYTES};
///
/// let key = Key::new("campaign:7:clicks")?;
/// assert_eq!(key.to_string(), "campaign:7:clicks");
/// assert!(Key::new("").is_err());
/// assert!(Key::new(vec![b'k'; MAX_KEY_BYTES + 1]).is_err());
/// # Ok::<(), maily_errors::Error>(())
/// ```
#[derive(Clone, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Key(Bytes);

impl Key {
    /// Creates a key.
    ///
    /// # Errors
    ///
    /// - [`Code::Invalid`] when it is empty.
    /// - [`Code::RedisKeyTooLarge`] when it has more than [`MAX_KEY_BYTES`] bytes.
    pub fn new(name: impl Into<Bytes>) -> Result<Self> {
        let name = name.into();
        if name.is_empty() {
            return Err(Error::new(Code::Invalid, "the key is empty").with_operation("redis::key"));
        }
        at_most("redis::key", name.len(), MAX_KEY_BYTES)?;
        Ok(Self(name))
    }

    /// Returns the bytes of the name.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Returns the bytes of the name, shared.
    pub(crate) fn bytes(&self) -> Bytes {
        self.0.clone()
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        String::from_utf8_lossy(&self.0).fmt(f)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({:?})", String::from_utf8_lossy(&self.0))
    }
}

/// A value, and how long it stays.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Held {
    /// What is stored.
    pub value: Bytes,
    /// How long it lives from now; `None` for ever.
    pub left: Option<Duration>,
}

/// What a [`Journal`](crate::Journal) keeps under a key.
#[derive(Clone, Eq, PartialEq)]
pub struct Row {
    /// 1 to 1025 bytes of any content.
    pub key: Bytes,
    /// What is there from now on; `None` for nothing. A little more than a job at most, so below 2 MiB.
    pub value: Option<Bytes>,
}

/// Without what it holds: jobs and names are nothing for a log.
impl fmt::Debug for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = self.value.as_ref().map(Bytes::len);
        f.debug_struct("Row").field("key_bytes", &self.key.len()).field("bytes", &bytes).finish()
    }
}

/// A change that happens only if the value is still the expected one.
///
/// | `expected` | `value` | means |
/// | --- | --- | --- |
/// | `None` | `Some` | store if nothing is there |
/// | `Some` | `Some` | replace this value |
/// | `Some` | `None` | remove this value |
/// | `None` | `None` | ask whether nothing is there |
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Swap {
    /// The value that must be there now; `None` for no value.
    pub expected: Option<Bytes>,
    /// The value to store; `None` removes the key.
    pub value: Option<Bytes>,
    /// How long the new value lives; `None` for ever.
    pub ttl: Option<Duration>,
}

/// One operation on a store, as a value that layers can pass on.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum StoreRequest {
    /// [`Store::compare_and_set`](crate::Store::compare_and_set); answered by [`StoreReply::Done`].
    CompareAndSet {
        /// Which value.
        key: Key,
        /// From what, to what.
        swap: Swap,
    },
    /// [`Store::expire`](crate::Store::expire); answered by [`StoreReply::Done`].
    Expire {
        /// Which value.
        key: Key,
        /// How long it lives from now; `None` for ever.
        ttl: Option<Duration>,
    },
    /// [`Store::get`](crate::Store::get); answered by [`StoreReply::Value`].
    Get {
        /// Which value.
        key: Key,
    },
    /// [`Store::increment`](crate::Store::increment); answered by [`StoreReply::Count`].
    Increment {
        /// Which counter.
        key: Key,
        /// How much, down if negative.
        by: i64,
        /// How long a counter lives that this creates; `None` for ever.
        ttl: Option<Duration>,
    },
    /// [`Store::remove`](crate::Store::remove); answered by [`StoreReply::Done`].
    Remove {
        /// Which value.
        key: Key,
    },
    /// [`Store::set`](crate::Store::set); answered by [`StoreReply::Done`] with true.
    Set {
        /// Which value.
        key: Key,
        /// What to store.
        value: Bytes,
        /// How long it lives; `None` for ever.
        ttl: Option<Duration>,
    },
}

/// The answer to a [`StoreRequest`].
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum StoreReply {
    /// The counter after the change.
    Count(i64),
    /// Whether something was there to change.
    Done(bool),
    /// The value, if there is one.
    Value(Option<Bytes>),
}

impl StoreReply {
    /// Returns the value of a [`StoreRequest::Get`].
    ///
    /// # Errors
    ///
    /// [`Code::Unexpected`] when it is the answer to another request.
    pub fn into_value(self) -> Result<Option<Bytes>> {
        if let Self::Value(value) = self { Ok(value) } else { Err(another()) }
    }

    /// Returns whether something was there to change.
    ///
    /// # Errors
    ///
    /// [`Code::Unexpected`] when it is the answer to another request.
    pub fn into_done(self) -> Result<bool> {
        if let Self::Done(done) = self { Ok(done) } else { Err(another()) }
    }

    /// Returns the sum of a [`StoreRequest::Increment`].
    ///
    /// # Errors
    ///
    /// [`Code::Unexpected`] when it is the answer to another request.
    pub fn into_count(self) -> Result<i64> {
        if let Self::Count(count) = self { Ok(count) } else { Err(another()) }
    }
}

fn another() -> Error {
    Error::new(Code::Unexpected, "the store answered another question").with_operation("redis::reply")
}

/// The name of a command and what follows it. Four fit without an allocation.
pub type Arguments = SmallVec<[Bytes; 4]>;

/// One command to a server, and when its answer is of no use any more.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// use maily_redis::Command;
/// use tokio::time::Instant;
///
/// let deadline = Instant::now() + Duration::from_secs(1);
/// let get = Command::new(["GET".into(), "draft".into()], deadline).with_key(1);
/// assert_eq!(get.key, Some(1));
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Command {
    /// The name of the command and its arguments.
    pub arguments: Arguments,
    /// When it was made; its duration counts from then on.
    pub begun: Instant,
    /// When the caller stops waiting.
    pub deadline: Instant,
    /// Which argument is the key that says which node of a cluster answers; `None` for any node.
    pub key: Option<usize>,
    /// Whether the server may wait before it answers, so that the command needs a connection of its own.
    pub blocking: bool,
    /// Which argument the transport replaces by the epoch of its connection, as decimal text.
    pub epoch: Option<usize>,
}

impl Command {
    /// Creates a command that any node answers at once.
    ///
    /// Up to four arguments cost no allocation of their own.
    #[must_use]
    pub fn new(arguments: impl IntoIterator<Item = Bytes>, deadline: Instant) -> Self {
        let arguments = arguments.into_iter().collect();
        Self { arguments, begun: Instant::now(), deadline, key: None, blocking: false, epoch: None }
    }

    /// Says which argument is the key.
    #[must_use]
    pub const fn with_key(mut self, index: usize) -> Self {
        self.key = Some(index);
        self
    }

    /// Says that the server may wait before it answers: such a command never holds up another one, and dropping it
    /// ends the wait.
    ///
    /// What the server took out for a call that is dropped in that moment (`BLPOP`) is lost with it. `XREADGROUP`, by
    /// which [`Jobs`](crate::jobs::Jobs) wait, and `BLMOVE` keep what they hand out.
    #[must_use]
    pub const fn with_blocking(mut self) -> Self {
        self.blocking = true;
        self
    }

    /// Lets the transport write the epoch of its connection into this argument.
    ///
    /// The epoch is 0 on a server that stands alone. Each failover of Sentinel or a cluster raises it, by the vote
    /// of a majority, so that what the old master granted is older than what the new one grants.
    #[must_use]
    pub const fn with_epoch(mut self, index: usize) -> Self {
        self.epoch = Some(index);
        self
    }
}

/// What a server says without being asked, or what became of the connection on which it would.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// Values changed that were read through this transport; `None`: any of them may have.
    Changed(Option<Vec<Bytes>>),
    /// The connection is gone: what was said from now on is not known. Until [`Event::Listening`] nothing comes.
    Lost,
    /// The server hears again what is wanted. The first event, and one after each [`Event::Lost`].
    Listening,
    /// A message on a channel.
    Message {
        /// Which channel.
        channel: Bytes,
        /// What was published.
        payload: Bytes,
    },
    /// The server does not let us hear the channel, such as for want of a right. It is asked again, and
    /// [`Event::Listening`] says when it does.
    Refused {
        /// The first word of the refusal, such as `NOPERM`.
        code: String,
        /// The rest of it.
        message: String,
    },
}

/// What a server answers to one command.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Reply {
    /// Bytes.
    Data(Bytes),
    /// A number.
    Integer(i64),
    /// Several answers in one.
    List(Vec<Self>),
    /// Nothing is there.
    Nil,
    /// The server refused the command, which is an answer: the connection works.
    Refused {
        /// The first word of the error, such as `WRONGTYPE`: the part that is protocol.
        code: String,
        /// The rest, for people.
        message: String,
    },
}

impl Reply {
    /// Creates a refusal from the two parts of a server's error.
    #[must_use]
    pub fn refused(code: &str, message: &str) -> Self {
        Self::Refused { code: code.to_owned(), message: message.to_owned() }
    }
}

/// Whether something is wrong with the call itself, so that the state of the store has nothing to do with it.
pub(crate) fn is_wrong_call(err: &Error) -> bool {
    matches!(err.kind(), Kind::Invalid | Kind::TooLarge) && err.code() != Code::RedisStoreFull
}

/// Checks the size of a value, for whoever implements a [`Store`](crate::Store).
///
/// # Errors
///
/// [`Code::RedisKeyTooLarge`] when it has more than [`MAX_VALUE_BYTES`].
pub fn check_size(operation: &'static str, bytes: usize) -> Result<()> {
    at_most(operation, bytes, MAX_VALUE_BYTES)
}

/// Checks how long a value is to live, for whoever implements a [`Store`](crate::Store).
///
/// # Errors
///
/// [`Code::Invalid`] when it is under 1 ms or over [`MAX_TTL`].
pub fn check_ttl(operation: &'static str, ttl: Option<Duration>) -> Result<Option<Duration>> {
    self::ttl(operation, ttl)
}

/// Checks a size against its limit.
pub(crate) fn at_most(operation: &'static str, bytes: usize, limit: usize) -> Result<()> {
    if bytes <= limit {
        return Ok(());
    }
    Err(Error::new(Code::RedisKeyTooLarge, "the key or value is too long")
        .with_operation(operation)
        .with_context("bytes", Public(bytes))
        .with_context("limit_bytes", Public(limit)))
}

/// Checks how long a value is to live.
pub(crate) fn ttl(operation: &'static str, ttl: Option<Duration>) -> Result<Option<Duration>> {
    match ttl {
        Some(ttl) if ttl < Duration::from_millis(1) || ttl > MAX_TTL => {
            Err(Error::new(Code::Invalid, "the time to live is not between 1 ms and 100 years")
                .with_operation(operation)
                .with_context("ttl_ms", Public(ttl.as_secs_f64() * 1000.0)))
        }
        ttl => Ok(ttl),
    }
}
