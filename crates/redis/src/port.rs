//! What the crate needs from outside (`Transport`), and what it offers to everything built on it (`Store`).

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_core::future::BoxFuture;
use maily_errors::{Error, Result};
use tower_service::Service;

use crate::bus::{Channel, Subscription};
use crate::jobs::{DeadLetter, Failure, Fate, Job, JobId, NewJob, Queue, Receipt, Stats, WorkerId};
use crate::limit::{Quota, Verdict};
use crate::lock::{Grant, Owner};
use crate::model::{Command, Event, Held, Key, Reply, Row, Swap};

/// A way to a Redis or Valkey server: one command, one reply.
///
/// In memory it is `tower::service_fn`.
///
/// # Contract
///
/// - Every call answers by its deadline, with [`Kind::Timeout`](maily_errors::Kind::Timeout) if nothing came.
/// - A connection that is lost gives a temporary error; a later call connects again by itself.
/// - A refusal of the server is a [`Reply::Refused`], not an error.
/// - A dropped call never gives its reply to another one.
/// - Clones share the connection.
pub trait Transport:
    Service<Command, Response = Reply, Error = Error, Future: Send> + Clone + Send + Sync
{
}

impl<S> Transport for S where
    S: Service<Command, Response = Reply, Error = Error, Future: Send> + Clone + Send + Sync
{
}

/// Takes what a server says by itself.
///
/// Called by the connection in the order in which the server spoke, before any later reply is handed out. It must
/// return at once: it holds up every reply behind it.
pub type Listener = Arc<dyn Fn(Event) + Send + Sync>;

/// A transport that also hears what a server says without being asked.
///
/// # Contract
///
/// - The first event is [`Event::Listening`], or [`Event::Lost`] while no server can be reached, or [`Event::Refused`]
///   for a channel that the server does not let us hear. A channel that is refused takes no other one with it.
/// - When the connection is lost the listener hears [`Event::Lost`] before any call fails for it, and
///   [`Event::Listening`] once everything that was wanted is wanted again on a new connection.
/// - A server that hangs counts as lost after at most [`Listen::silence`].
/// - Nothing is heard after the last clone of what was returned is dropped.
pub trait Listen: Clone + Send + Sync {
    /// A transport of its own connection, on which reads are watched.
    type Watched: Transport + 'static;

    /// Owns a subscription: dropping it ends the subscription.
    type Subscription: Send + Sync + 'static;

    /// Opens connections of their own, on which the server notes what is read and says when it changes
    /// ([`Event::Changed`]).
    fn watch(&self, listener: Listener) -> Self::Watched;

    /// Hears what is published on a channel, from whichever node of a cluster has it.
    fn subscribe(&self, channel: Bytes, listener: Listener) -> Self::Subscription;

    /// Returns after how long without a word a connection counts as lost.
    fn silence(&self) -> Duration;
}

/// Values under keys, each with an optional time to live.
///
/// # Contract
///
/// - Every method is atomic: concurrent callers see one order of changes.
/// - A value whose time is over is not there, in every method.
/// - A time to live is at least 1 ms and at most [`MAX_TTL`](crate::MAX_TTL), else
///   [`Code::Invalid`](maily_errors::Code::Invalid).
/// - A value has at most [`MAX_VALUE_BYTES`](crate::MAX_VALUE_BYTES), else
///   [`Code::RedisKeyTooLarge`](maily_errors::Code::RedisKeyTooLarge).
/// - Dropping a call leaves it unknown whether the change happened; it never half-happened.
pub trait Store: Clone + Send + Sync {
    /// Returns the value, if there is one.
    fn get(&self, key: &Key) -> impl Future<Output = Result<Option<Bytes>>> + Send;

    /// Stores a value; what was there is gone, and its time to live too.
    fn set(&self, key: &Key, value: Bytes, ttl: Option<Duration>) -> impl Future<Output = Result<()>> + Send;

    /// Changes the value if it is still the expected one; returns whether it was.
    fn compare_and_set(&self, key: &Key, swap: Swap) -> impl Future<Output = Result<bool>> + Send;

    /// Adds to a counter, which starts at 0, and returns the sum. A counter that this creates gets the time to
    /// live; one that exists keeps its own.
    ///
    /// # Errors
    ///
    /// [`Code::RedisNotANumber`](maily_errors::Code::RedisNotANumber) when the value is not the decimal text of a
    /// 64-bit integer or the sum would not fit; the value stays.
    fn increment(
        &self,
        key: &Key,
        by: i64,
        ttl: Option<Duration>,
    ) -> impl Future<Output = Result<i64>> + Send;

    /// Gives the value a new time to live, or with `None` none; returns whether there is a value.
    fn expire(&self, key: &Key, ttl: Option<Duration>) -> impl Future<Output = Result<bool>> + Send;

    /// Removes the value; returns whether there was one.
    fn remove(&self, key: &Key) -> impl Future<Output = Result<bool>> + Send;
}

/// A store that says when what was read from it has changed, so that it can be kept near.
///
/// # Contract
///
/// - The rules of [`Listen`] for what the listener hears; the keys in [`Event::Changed`] are those of the store.
/// - A change that is acknowledged after a [`Watched::read`] of the key was answered is heard, unless the connection
///   was lost meanwhile, which is heard too.
/// - A change that is made before the answer of a read was written, and is not in that answer, is heard before the
///   read returns.
pub trait Watch: Store {
    /// Reads what is watched.
    type Watched: Watched + 'static;

    /// Tells the listener when values change that were read through what this returns, until that is dropped.
    fn watch(&self, listener: Listener) -> Self::Watched;

    /// Returns after how long without a word the connection counts as lost; zero where there is none.
    fn silence(&self) -> Duration;
}

/// The reading side of a [`Watch`].
pub trait Watched: Send + Sync {
    /// Returns the value with the rest of its time to live.
    fn read(&self, key: &Key) -> impl Future<Output = Result<Option<Held>>> + Send;
}

/// Locks that end by themselves, each granted with a token greater than all before.
///
/// [`Lock`](crate::lock::Lock) makes guards of it.
///
/// # Contract
///
/// - Every method is atomic. A lease whose time is over is not held, in every method.
/// - A lock is granted to one owner at a time, except that a failover may forget what was granted; then the next
///   grant has a greater [`Token`](crate::lock::Token) all the same.
/// - Names are bytes of any kind; a lock is no value of the [`Store`].
/// - The time to live is checked by the caller: [`MIN_LEASE`](crate::lock::MIN_LEASE) to
///   [`MAX_LEASE`](crate::lock::MAX_LEASE).
pub trait Leases: Clone + Send + Sync {
    /// Grants the lock if nobody holds it. An owner that holds it already keeps its token, with a new time to live:
    /// who did not hear an answer may ask again.
    ///
    /// If it is held, it is promised for `patience` to the first who asks with one that is not zero: until then
    /// nobody else gets it, so that a holder which takes it again and again does not keep the others out.
    fn acquire(
        &self,
        name: &Key,
        owner: Owner,
        ttl: Duration,
        patience: Duration,
    ) -> impl Future<Output = Result<Grant>> + Send;

    /// Gives the lease a new time to live from now; returns whether the owner held it.
    fn renew(&self, name: &Key, owner: Owner, ttl: Duration) -> impl Future<Output = Result<bool>> + Send;

    /// Ends the lease; returns whether the owner held it.
    fn release(&self, name: &Key, owner: Owner) -> impl Future<Output = Result<bool>> + Send;
}

/// Counts requests against quotas, by one clock for all callers.
///
/// [`Limiter`](crate::limit::Limiter) makes decisions of it.
///
/// # Contract
///
/// - Within any time `t`, at most `t * count / per + burst` are taken under one name, exactly, whoever asks.
/// - What is refused changes nothing.
/// - Names are bytes of any kind; a limit is no value of the [`Store`].
/// - The cost is checked by the caller: at most the burst.
pub trait Limits: Clone + Send + Sync {
    /// Takes `cost` if the quota allows it now.
    fn take(&self, name: &Key, quota: Quota, cost: u32) -> impl Future<Output = Result<Verdict>> + Send;
}

/// Work that waits in queues until a worker has done it.
///
/// # Contract
///
/// - At least once: what [`append`](Self::append) answered is handed out until it was acknowledged or is a dead
///   letter. Twice if a worker ended, hung or answered too late; so handlers do the same thing twice without harm.
/// - Jobs of a queue are handed out in the order in which they became due; those that somebody left come first.
/// - A job belongs to one worker from the claim on, for [`Queue::idle`] unless extended. After that any worker gets
///   it, within the same time again. Two workers of one name are two workers.
/// - A job that was handed out [`Queue::max_deliveries`] times without an acknowledgement is a dead letter.
/// - A queue exists by its name: nothing creates it, and one whose data was flushed is empty and works.
/// - Dropping a call leaves it unknown whether it happened. A dropped claim may leave jobs to be claimed again after
///   [`Queue::idle`].
pub trait Jobs: Clone + Send + Sync {
    /// Adds a job and returns its name. A second job with the key of an earlier one changes nothing within
    /// [`Queue::window`] and has the name of the first.
    ///
    /// # Errors
    ///
    /// - [`Code::RedisPayloadTooLarge`](maily_errors::Code::RedisPayloadTooLarge) when a limit of [`NewJob`] is
    ///   passed.
    /// - [`Code::Invalid`](maily_errors::Code::Invalid) when the delay is over a year.
    fn append(&self, queue: &Queue, job: NewJob) -> impl Future<Output = Result<JobId>> + Send;

    /// Takes 1 to `max` jobs; waits for the first one as long as `wait` says, and returns none if none came.
    ///
    /// A claim stops early when its jobs have 8 MiB together.
    ///
    /// # Errors
    ///
    /// [`Code::Invalid`](maily_errors::Code::Invalid) when `max` is not 1 to [`MAX_CLAIM`](crate::jobs::MAX_CLAIM)
    /// or `wait` is over an hour.
    fn claim(
        &self,
        queue: &Queue,
        worker: &WorkerId,
        max: usize,
        wait: Duration,
    ) -> impl Future<Output = Result<Vec<Job>>> + Send;

    /// Says that jobs are done and returns how many of them were still there. A job that another worker has by now
    /// is done too.
    fn ack(&self, queue: &Queue, receipts: &[Receipt]) -> impl Future<Output = Result<usize>> + Send;

    /// Keeps jobs for another [`Queue::idle`], and returns those that the worker does not have any more.
    fn extend(
        &self,
        queue: &Queue,
        worker: &WorkerId,
        receipts: &[Receipt],
    ) -> impl Future<Output = Result<Vec<Receipt>>> + Send;

    /// Says that a job was not done, and returns what becomes of it.
    fn fail(
        &self,
        queue: &Queue,
        worker: &WorkerId,
        receipt: &Receipt,
        failure: Failure,
    ) -> impl Future<Output = Result<Fate>> + Send;

    /// Counts what is in the queue. Costs as much as a claim.
    fn stats(&self, queue: &Queue) -> impl Future<Output = Result<Stats>> + Send;
}

/// Jobs that nobody could do: kept to be looked at, done again or thrown away.
///
/// # Contract
///
/// - They are listed in the order in which they died; at most [`Queue::max_dead`] are kept, the newest.
/// - A requeued job starts from its first delivery, under the name it had.
pub trait DeadLetters: Clone + Send + Sync {
    /// Lists up to `max` dead letters, 1 to [`MAX_CLAIM`](crate::jobs::MAX_CLAIM), after the one of that receipt.
    ///
    /// A list stops early when its letters have 8 MiB together; none means that there are no more.
    fn dead(
        &self,
        queue: &Queue,
        after: Option<&Receipt>,
        max: usize,
    ) -> impl Future<Output = Result<Vec<DeadLetter>>> + Send;

    /// Puts dead letters back into the queue, and returns how many of them were there.
    fn requeue(&self, queue: &Queue, receipts: &[Receipt]) -> impl Future<Output = Result<usize>> + Send;

    /// Throws dead letters away, and returns how many of them were there.
    fn discard(&self, queue: &Queue, receipts: &[Receipt]) -> impl Future<Output = Result<usize>> + Send;
}

/// Messages for whoever listens now.
///
/// # Contract
///
/// - A subscription hears what is published after [`subscribe`](Self::subscribe) answered, in the order of each
///   publisher, its own process included.
/// - What it may have missed is said, never left out in silence: [`Heard::Missed`](crate::bus::Heard::Missed).
/// - At most once: a message goes to those who listen while it is published, and is kept nowhere.
pub trait Bus: Clone + Send + Sync {
    /// Sends a message to every subscription of the channel.
    ///
    /// # Errors
    ///
    /// [`Code::RedisPayloadTooLarge`](maily_errors::Code::RedisPayloadTooLarge) when the message has more than
    /// [`MAX_MESSAGE_BYTES`](crate::bus::MAX_MESSAGE_BYTES).
    fn publish(&self, channel: &Channel, message: Bytes) -> impl Future<Output = Result<()>> + Send;

    /// Listens to a channel from now on. Up to `buffer` messages wait for a slow reader, then the oldest are dropped.
    ///
    /// # Errors
    ///
    /// - [`Code::Invalid`](maily_errors::Code::Invalid) when `buffer` is not 1 to
    ///   [`MAX_BUFFER`](crate::bus::MAX_BUFFER).
    /// - A temporary one when no server could be reached in time. Later losses are heard in the subscription, which
    ///   goes on by itself.
    fn subscribe(
        &self,
        channel: &Channel,
        buffer: usize,
    ) -> impl Future<Output = Result<Subscription>> + Send;
}

/// Where a store in memory writes down what is to outlive the process.
///
/// [`MemoryConfig::restore`](crate::MemoryConfig::restore) makes a store of it and says what is written.
///
/// # Contract
///
/// - The rows of one call are there together or not at all, and with them those of every call before.
/// - The answer comes when they outlive the process. Dropping the future takes nothing back.
/// - A row replaces the one that is there under its key; within one call, the last one counts.
/// - When a call fails, every later one fails too, until the rows are read again: what follows builds on what is not
///   there.
pub trait Journal: fmt::Debug + Send + Sync {
    /// Writes rows down. Called under locks: it must return at once, and only its future may wait.
    fn write(&self, rows: Vec<Row>) -> BoxFuture<'static, Result<()>>;
}
