use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use maily_errors::{Code, Error, Result};
use tokio::time::{Instant, sleep};

use super::fingerprint::Fingerprint;
use super::permit::Permit;
use super::record::{HEAD, Record};
use crate::lock::{MAX_LEASE, MIN_LEASE};
use crate::model::{self, Key, MAX_TTL, MAX_VALUE_BYTES, Swap};
use crate::port::Store;

/// Runs work once per key, over all processes that share the store.
///
/// A first call costs two round trips around the work, a replay two. The module says what is promised and shows an
/// example.
#[derive(Clone, Debug)]
pub struct Idempotency<S> {
    store: S,
    ttl: Duration,
    lease: Duration,
    wait: Duration,
    max_answer_bytes: usize,
}

/// The answer to a call of [`Idempotency::run`].
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Answer {
    /// What the work returned, now or when it ran.
    pub value: Bytes,
    /// Whether it ran earlier, and not in this call.
    pub replayed: bool,
    /// Whether the next caller gets this answer too. False when the work was done but the store could not be told, or
    /// the answer is too large.
    pub recorded: bool,
}

/// What a caller is to do.
#[non_exhaustive]
pub enum Begin<S> {
    /// The work was done: this is its answer.
    Replay(Bytes),
    /// The work is to be run by this caller.
    Run(Permit<S>),
}

impl<S> fmt::Debug for Begin<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Replay(answer) => write!(f, "Replay({} bytes)", answer.len()),
            Self::Run(permit) => f.debug_tuple("Run").field(permit).finish(),
        }
    }
}

impl<S: Store> Idempotency<S> {
    /// Keeps records on a store, under `idempotency:KEY`.
    pub const fn new(store: S) -> Self {
        Self {
            store,
            ttl: Duration::from_secs(24 * 3600),
            lease: Duration::from_secs(30),
            wait: Duration::ZERO,
            max_answer_bytes: 1024 * 1024,
        }
    }

    /// Sets how long an answer is kept; 24 h unless set.
    ///
    /// # Errors
    ///
    /// [`Code::Invalid`] when it is not from 1 ms to 100 years.
    pub fn with_ttl(mut self, ttl: Duration) -> Result<Self> {
        model::ttl("redis::idempotency", Some(ttl))?;
        self.ttl = ttl;
        Ok(self)
    }

    /// Sets how long a key stays blocked after its runner crashed; 30 s unless set.
    ///
    /// # Errors
    ///
    /// [`Code::Invalid`] when it is not from 50 ms to 24 h.
    pub fn with_lease(mut self, lease: Duration) -> Result<Self> {
        if !(MIN_LEASE..=MAX_LEASE).contains(&lease) {
            return Err(Error::new(Code::Invalid, "the lease is not between 50 ms and 24 h")
                .with_operation("redis::idempotency"));
        }
        self.lease = lease;
        Ok(self)
    }

    /// Sets how long a caller waits for another one that runs the same work; zero unless set.
    #[must_use]
    pub const fn with_wait(mut self, wait: Duration) -> Self {
        self.wait = wait;
        self
    }

    /// Sets the most bytes of an answer; 1 MiB unless set.
    #[must_use]
    pub fn with_max_answer_bytes(mut self, bytes: usize) -> Self {
        self.max_answer_bytes = bytes.min(MAX_VALUE_BYTES - HEAD);
        self
    }

    /// Runs the work of a key, or returns the answer that it had.
    ///
    /// The lease is renewed while the work runs. The answer of work that was done is returned even when it could not be
    /// recorded: then [`Answer::recorded`] is false.
    ///
    /// # Errors
    ///
    /// - What the work says; nothing is recorded then and the key is free.
    /// - What [`begin`](Self::begin) says.
    ///
    /// # Cancellation
    ///
    /// Dropping the future drops the work where it waited; the key stays taken until the lease ends.
    pub async fn run<F, W>(&self, key: &Key, fingerprint: Fingerprint, work: F) -> Result<Answer>
    where
        F: FnOnce() -> W,
        W: Future<Output = Result<Bytes>>,
    {
        let permit = match self.begin(key, fingerprint).await? {
            Begin::Replay(value) => return Ok(Answer { value, replayed: true, recorded: true }),
            Begin::Run(permit) => permit,
        };
        match permit.while_renewed(work()).await {
            Ok(value) => {
                let recorded = permit.complete(value.clone()).await.is_ok();
                Ok(Answer { value, replayed: false, recorded })
            }
            Err(err) => {
                // If the key cannot be freed now, its lease ends by itself: the error of the work says more.
                let _ = permit.abandon().await;
                Err(err)
            }
        }
    }

    /// Asks what to do for a key, and takes it for this caller if nobody has.
    ///
    /// # Errors
    ///
    /// - [`Code::RedisIdempotencyBusy`] when another caller runs the work and does not end within the
    ///   [wait](Self::with_wait).
    /// - [`Code::RedisIdempotencyMismatch`] when the key stands for another request.
    /// - [`Code::RedisAnswerNotKept`] when the work was done and its answer was too large.
    /// - [`Code::RedisKeyTooLarge`] when the key has more than 1012 bytes.
    /// - What the store says, if it does not work again within the wait. After a timeout the key may be taken, by
    ///   nobody, until the lease ends.
    pub async fn begin(&self, key: &Key, fingerprint: Fingerprint) -> Result<Begin<S>> {
        let key = Key::new([b"idempotency:", key.as_bytes()].concat())?;
        let running = Record::Running { fingerprint, mark: rand::random() }.encode();
        let deadline = Instant::now() + self.wait.min(MAX_TTL);
        loop {
            let pause = POLL.mul_f64(rand::random_range(0.5..1.5));
            let again = Instant::now() + pause <= deadline;
            match self.look(&key, fingerprint, &running).await {
                Ok(Look::Free) => return Ok(Begin::Run(self.permit(key, fingerprint, running))),
                Ok(Look::Done(answer)) => return Ok(Begin::Replay(answer)),
                Ok(Look::Gone) => continue,
                Ok(Look::Running) if !again => {
                    return Err(error(Code::RedisIdempotencyBusy, "the work of this key is running"));
                }
                // What was not heard may have been done: the same record is asked for again.
                Err(err) if !again || !err.is_temporary() => return Err(err),
                Ok(Look::Running) | Err(_) => sleep(pause).await,
            }
        }
    }

    /// Tries to take a key, and says how it stands.
    async fn look(&self, key: &Key, fingerprint: Fingerprint, running: &Bytes) -> Result<Look> {
        let swap = Swap { expected: None, value: Some(running.clone()), ttl: Some(self.lease) };
        if self.store.compare_and_set(key, swap).await? {
            return Ok(Look::Free);
        }
        let Some(stored) = self.store.get(key).await? else { return Ok(Look::Gone) };
        if stored == *running {
            return Ok(Look::Free);
        }
        let record = Record::decode(stored)?;
        if record.fingerprint() != fingerprint {
            return Err(error(Code::RedisIdempotencyMismatch, "the key stands for another request"));
        }
        match record {
            Record::Done { answer, .. } => Ok(Look::Done(answer)),
            Record::DoneWithoutAnswer { .. } => {
                Err(error(Code::RedisAnswerNotKept, "the answer was too large to be kept"))
            }
            Record::Running { .. } => Ok(Look::Running),
        }
    }

    fn permit(&self, key: Key, fingerprint: Fingerprint, running: Bytes) -> Permit<S> {
        Permit {
            store: self.store.clone(),
            key,
            fingerprint,
            running,
            lease: self.lease,
            ttl: self.ttl,
            max_answer_bytes: self.max_answer_bytes,
        }
    }
}

/// How a key stands.
enum Look {
    /// It was free, and is now this caller's.
    Free,
    /// The work was done.
    Done(Bytes),
    /// It was taken, and is free at this moment.
    Gone,
    /// Somebody else runs the work.
    Running,
}

fn error(code: Code, message: &'static str) -> Error {
    Error::new(code, message).with_operation("redis::idempotency")
}

/// How long a waiter waits between two looks, on average.
const POLL: Duration = Duration::from_millis(20);
