use std::time::Duration;

use maily_errors::{Code, Error, Public, Result};
use tokio::time::{Instant, sleep_until, timeout_at};

use super::guard::Guard;
use super::keeper::{self, Claim};
use super::lease::{self, Grant};
use crate::model::{Key, MAX_TTL};
use crate::port::Leases;

/// A lock over many processes: whoever holds it has a fencing token greater than everybody before.
///
/// **It is mutual exclusion only together with a resource that checks the [`token`](Guard::token)**: the module says
/// why, and [`Fence`](super::Fence) is such a check.
///
/// A lock has no memory of its own; locks with the same name on the same store are one lock, in every process. On a
/// server it is the hash `lock:NAME` behind the prefix of the store, in one slot of a cluster; what remains of it
/// after the lease ends a day later.
///
/// One try costs one round trip. While the lock is held by another, each waiter asks again after 20 ms on average
/// ([`with_poll`](Self::with_poll)), at random. One of them is promised to be next, and asks four times as often; who
/// comes later, the last holder too, waits until it had its turn. Among the others there is no queue.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// use maily_redis::lock::Lock;
/// use maily_redis::{Key, MemoryStore};
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> maily_errors::Result<()> {
/// let lock = Lock::new(MemoryStore::default());
/// let name = Key::new("import")?;
/// let ttl = Duration::from_secs(5);
///
/// let first = lock.acquire(&name, ttl, Duration::ZERO).await?;
/// let token = first.token();
/// drop(first); // released in the background
///
/// let second = lock.acquire(&name, ttl, Duration::from_secs(1)).await?;
/// assert!(second.token() > token);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Lock<S> {
    store: S,
    poll: Duration,
}

impl<S: Leases + 'static> Lock<S> {
    /// Creates the locks of a store.
    pub const fn new(store: S) -> Self {
        Self { store, poll: Duration::from_millis(20) }
    }

    /// Sets how long a waiter waits between two tries on average, 1 ms to [`MAX_TTL`]; 20 ms unless set.
    #[must_use]
    pub fn with_poll(mut self, poll: Duration) -> Self {
        self.poll = poll.clamp(Duration::from_millis(1), MAX_TTL);
        self
    }

    /// Takes the lock, for `ttl` at a time, renewed in the background for as long as the guard lives.
    ///
    /// `ttl` is from [`MIN_LEASE`](super::MIN_LEASE) to [`MAX_LEASE`](super::MAX_LEASE). It is how long the others
    /// wait for a holder that crashed; a third of it is how soon a holder hears that it lost the lock. A second to a
    /// minute is usual.
    ///
    /// Ends after `wait` at the latest; a wait of zero tries once, for as long as the store takes.
    ///
    /// Must be called in a tokio runtime, whose task renews the lease.
    ///
    /// # Errors
    ///
    /// - [`Code::RedisLockBusy`] when somebody else held it all the time; the context says when that
    ///   lease ends.
    /// - [`Code::Invalid`] when `ttl` is out of its range.
    /// - What the store says, when it gave no answer until the end of the wait. Temporary errors are tried again.
    ///
    /// # Cancellation
    ///
    /// Dropping the future gives back what it may have taken, in the background.
    pub async fn acquire(&self, name: &Key, ttl: Duration, wait: Duration) -> Result<Guard> {
        let ttl = lease::checked("redis::lock_acquire", ttl)?;
        let deadline = (wait > Duration::ZERO).then(|| Instant::now() + wait.min(MAX_TTL));
        let mut claim = Claim::new(self.store.clone(), name.clone(), ttl);
        let patience = deadline.map_or(Duration::ZERO, |_| PATIENCE.max(self.poll * 5));
        let mut refused = None;
        loop {
            let sent = Instant::now();
            let answer = match deadline {
                Some(deadline) => {
                    timeout_at(deadline, claim.ask(patience)).await.unwrap_or_else(|_| Err(late()))
                }
                None => claim.ask(patience).await,
            };
            let until = lease::reliable_until(sent, ttl);
            let mut pause = lease::jittered(self.poll);
            match answer {
                Ok(Grant::Granted(token)) if Instant::now() < until => {
                    return Ok(keeper::start(claim, token, until));
                }
                // The answer took longer than the lease: the same owner asks again.
                Ok(Grant::Granted(_)) => refused = Some(late()),
                Ok(Grant::Held { remaining, next }) => {
                    refused = Some(busy(remaining));
                    // Only one is next, so it may ask more often: until it comes, the lock is free for nobody.
                    pause = if next { pause / 4 } else { pause };
                    pause = pause.min(remaining).max(Duration::from_millis(1));
                }
                // Being held by another says more than the deadline that cut the last try.
                Err(err) if err.code() == Code::Timeout && refused.is_some() => {}
                Err(err) if err.is_temporary() => refused = Some(err),
                Err(err) => return Err(err),
            }
            let again = Instant::now() + pause;
            if deadline.is_none_or(|deadline| again >= deadline) {
                return Err(refused.unwrap_or_else(late));
            }
            sleep_until(again).await;
        }
    }
}

fn busy(remaining: Duration) -> Error {
    Error::new(Code::RedisLockBusy, "somebody else holds the lock")
        .with_operation("redis::lock_acquire")
        .with_context("lease_ends_in_ms", Public(u64::try_from(remaining.as_millis()).unwrap_or(u64::MAX)))
}

fn late() -> Error {
    Error::new(Code::Timeout, "the lock did not answer in time").with_operation("redis::lock_acquire")
}

/// For how long the lock is promised to the next one: a waiter that is gone leaves it free for so long.
const PATIENCE: Duration = Duration::from_millis(100);
