//! What goes into a queue and comes out of it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use maily_errors::{Code, Error, Public, Result, TraceContext};

/// The most bytes of a job: 1 MiB.
pub const MAX_JOB_BYTES: usize = 1024 * 1024;

/// The most bytes of an idempotency key.
pub const MAX_JOB_KEY_BYTES: usize = 256;

/// The longest delay: 365 days.
pub const MAX_DELAY: Duration = Duration::from_secs(365 * 24 * 3600);

/// The most jobs of one claim, and the most receipts of one call.
pub const MAX_CLAIM: usize = 1000;

/// The longest wait of one claim: an hour.
pub const MAX_WAIT: Duration = Duration::from_secs(3600);

/// The most bytes that one claim returns, unless its last job alone passes it: 8 MiB.
pub(super) const CLAIM_BYTES: usize = 8 * 1024 * 1024;

/// A job that is to be appended.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// use maily_redis::jobs::NewJob;
///
/// let reminder = NewJob::new("campaign 7").with_key("remind:7").with_delay(Duration::from_secs(3600));
/// assert_eq!(reminder.payload, "campaign 7");
/// ```
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct NewJob {
    /// What is to be done, in the words of the handler: at most [`MAX_JOB_BYTES`].
    pub payload: Bytes,
    /// What makes a second append of the same job a no-op: 1 to [`MAX_JOB_KEY_BYTES`] bytes.
    pub key: Option<Bytes>,
    /// How long it waits before anybody gets it: at most [`MAX_DELAY`], in whole milliseconds rounded up.
    pub delay: Duration,
    /// The position in a trace in which it is appended; the span of the handler is a child of it.
    pub trace: Option<TraceContext>,
}

impl NewJob {
    /// Creates a job that is due at once, in the current trace.
    pub fn new(payload: impl Into<Bytes>) -> Self {
        Self { payload: payload.into(), trace: TraceContext::current(), ..Self::default() }
    }

    /// Makes a second append with this key a no-op.
    #[must_use]
    pub fn with_key(mut self, key: impl Into<Bytes>) -> Self {
        self.key = Some(key.into());
        self
    }

    /// Lets the job wait before anybody gets it.
    #[must_use]
    pub const fn with_delay(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// Lets the handler work in this trace.
    #[must_use]
    pub const fn with_trace(mut self, trace: TraceContext) -> Self {
        self.trace = Some(trace);
        self
    }

    /// Checks the limits.
    pub(super) fn checked(self) -> Result<Self> {
        let operation = "redis::append";
        at_most(operation, self.payload.len(), MAX_JOB_BYTES)?;
        if let Some(key) = &self.key {
            at_most(operation, key.len(), MAX_JOB_KEY_BYTES)?;
            if key.is_empty() {
                return Err(invalid(operation, "the key of the job is empty"));
            }
        }
        if self.delay > MAX_DELAY {
            return Err(invalid(operation, "the delay is over 365 days")
                .with_context("delay_s", Public(self.delay.as_secs())));
        }
        Ok(self)
    }
}

/// The name of a job, the same from its append to its end.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct JobId(pub(super) Arc<str>);

/// What a worker shows to acknowledge a job, or anybody to point at a dead letter: good for one delivery.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Receipt(pub(super) Arc<str>);

/// One worker: a name for people, and an epoch by which two of that name are told apart.
///
/// # Examples
///
/// ```
/// use maily_redis::jobs::WorkerId;
///
/// let [one, two] = [WorkerId::new("mailer")?, WorkerId::new("mailer")?];
/// assert_ne!(one, two);
/// assert!(one.as_str().starts_with("mailer:"));
/// # Ok::<(), maily_errors::Error>(())
/// ```
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct WorkerId(pub(super) Arc<str>);

/// A job that was handed out.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Job {
    /// Its name.
    pub id: JobId,
    /// What acknowledges this delivery.
    pub receipt: Receipt,
    /// What is to be done.
    pub payload: Bytes,
    /// How often it was handed out, this time included.
    pub deliveries: u32,
    /// How long ago it was appended, in the server's time.
    pub age: Duration,
    /// The trace in which it was appended.
    pub trace: Option<TraceContext>,
}

/// A job that nobody could do.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct DeadLetter {
    /// Its name.
    pub id: JobId,
    /// What requeues or discards it.
    pub receipt: Receipt,
    /// What was to be done.
    pub payload: Bytes,
    /// How often it was handed out.
    pub deliveries: u32,
    /// The trace in which it was appended.
    pub trace: Option<TraceContext>,
    /// The name of the last error's code, such as `invalid`; of a newer version perhaps.
    pub code: String,
    /// The last error in words.
    pub message: String,
}

/// What is in a queue.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Stats {
    /// Jobs that are due and were not handed out yet: the lag.
    pub waiting: u64,
    /// Jobs that a worker has.
    pub pending: u64,
    /// Jobs that are not due yet.
    pub delayed: u64,
    /// Dead letters.
    pub dead: u64,
    /// Workers that are known.
    pub workers: u64,
    /// How long ago the first of the jobs that are waiting or pending was appended; zero without any.
    pub oldest: Duration,
}

impl Stats {
    /// Returns how many jobs are due and not done.
    #[must_use]
    pub const fn len(&self) -> u64 {
        self.waiting + self.pending
    }

    /// Returns whether no job is due.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

// === impl JobId, Receipt, WorkerId ===

impl WorkerId {
    /// Creates a worker with a random epoch.
    ///
    /// # Errors
    ///
    /// [`Code::Invalid`] when the name is not 1 to 64 ASCII letters, digits, `-`, `_` or `.`.
    pub fn new(name: &str) -> Result<Self> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        if name.is_empty() || name.len() > 64 || !name.bytes().all(allowed) {
            return Err(invalid("redis::worker", "the name is not 1 to 64 letters, digits, `-`, `_` or `.`"));
        }
        Ok(Self(format!("{name}:{:016x}", rand::random::<u64>()).into()))
    }
}

macro_rules! name {
    ($($type:ident)*) => {$(
        impl $type {
            /// Returns the text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    )*};
}

name! { JobId Receipt WorkerId }

impl Receipt {
    /// Reads a receipt that was written down, such as one of a dead letter.
    ///
    /// # Errors
    ///
    /// [`Code::Invalid`] when it is not one number of 64 bits, or two with a `-` between them.
    pub fn new(text: &str) -> Result<Self> {
        let number = |part: &str| part.parse::<u64>().is_ok_and(|number| number.to_string() == part);
        let (head, tail) = text.split_once('-').unwrap_or((text, "0"));
        if !number(head) || !number(tail) {
            return Err(invalid("redis::receipt", "the receipt is none"));
        }
        Ok(Self(text.into()))
    }
}

pub(super) fn invalid(operation: &'static str, message: &'static str) -> Error {
    Error::new(Code::Invalid, message).with_operation(operation)
}

fn at_most(operation: &'static str, bytes: usize, limit: usize) -> Result<()> {
    if bytes <= limit {
        return Ok(());
    }
    Err(Error::new(Code::RedisPayloadTooLarge, "the job or its key is too long")
        .with_operation(operation)
        .with_context("bytes", Public(bytes))
        .with_context("limit_bytes", Public(limit)))
}

/// Checks what one claim or one list may ask for.
pub(super) fn count(operation: &'static str, max: usize) -> Result<()> {
    if (1..=MAX_CLAIM).contains(&max) {
        return Ok(());
    }
    Err(invalid(operation, "the number of jobs is not between 1 and 1000").with_context("max", Public(max)))
}

/// Checks how many receipts a call has.
pub(super) fn receipts(operation: &'static str, receipts: &[Receipt]) -> Result<()> {
    if receipts.len() <= MAX_CLAIM {
        return Ok(());
    }
    Err(invalid(operation, "one call has over 1000 receipts")
        .with_context("receipts", Public(receipts.len())))
}

/// Checks how long one claim may wait.
pub(super) fn wait(wait: Duration) -> Result<()> {
    if wait <= MAX_WAIT {
        return Ok(());
    }
    Err(invalid("redis::claim", "the wait is over an hour").with_context("wait_s", Public(wait.as_secs())))
}
