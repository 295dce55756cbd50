use std::future::Future;

use maily_errors::Result;
use tokio::sync::{oneshot, watch};
use tokio::time::{Instant, sleep_until};

use super::keeper::Answer;
use super::lease;
use super::token::Token;

/// A lock that is held. Dropping it gives the lock back in the background.
///
/// A task renews the lease about four times in its time to live, tries again after every error until the lease is
/// over, and then signals the loss: [`lost`](Self::lost) resolves and [`is_held`](Self::is_held) turns false, before
/// the lease ends on the server. If the server lost the lock (a failover, an operator), that is known within a third
/// of the time to live.
///
/// Time is the monotonic clock of this machine, which does not run while a virtual machine is suspended: there, and
/// in every pause between a check and a write, only the resource's check of the [`token`](Self::token) helps.
#[derive(Debug)]
#[must_use = "the lock is given back when the guard is dropped"]
pub struct Guard {
    token: Token,
    /// Until when the lease is certain; none once it is lost.
    state: watch::Receiver<Option<Instant>>,
    stop: oneshot::Sender<Answer>,
}

impl Guard {
    pub(super) const fn new(
        token: Token,
        state: watch::Receiver<Option<Instant>>,
        stop: oneshot::Sender<Answer>,
    ) -> Self {
        Self { token, state, stop }
    }

    /// Gives the lock back, so that the next one need not wait for the end of the lease.
    ///
    /// # Errors
    ///
    /// - [`Code::RedisLeaseLost`](maily_errors::Code::RedisLeaseLost) when it was lost before: the resource may have
    ///   refused what was written.
    /// - What the store says. The lock is then given back in the background, at the latest when its lease ends.
    ///
    /// # Cancellation
    ///
    /// Dropping the future does not stop the release.
    pub async fn release(self) -> Result<()> {
        let (answer, heard) = oneshot::channel();
        if self.stop.send(answer).is_err() {
            return Err(lease::lost());
        }
        // The task drops the answer only when it lost the lease at this moment.
        heard.await.unwrap_or_else(|_| Err(lease::lost()))
    }

    /// Returns the number that the resource compares: greater than that of every holder before.
    #[must_use]
    pub const fn token(&self) -> Token {
        self.token
    }

    /// Returns whether the lease is certain to last at this moment. Costs no round trip.
    ///
    /// True is no promise for the next moment: the resource must check the token.
    #[must_use]
    pub fn is_held(&self) -> bool {
        self.state.borrow().is_some_and(|until| Instant::now() < until)
    }

    /// Returns the token if the lock is held at this moment.
    ///
    /// # Errors
    ///
    /// [`Code::RedisLeaseLost`](maily_errors::Code::RedisLeaseLost) when it is lost.
    pub fn check(&self) -> Result<Token> {
        if self.is_held() { Ok(self.token) } else { Err(lease::lost()) }
    }

    /// Waits until the lock is lost.
    ///
    /// The future owns what it needs: it outlives the guard, and then resolves when the guard is released.
    pub fn lost(&self) -> impl Future<Output = ()> + Send + use<> {
        let mut state = self.state.clone();
        async move {
            loop {
                let Some(until) = *state.borrow_and_update() else { return };
                tokio::select! {
                    changed = state.changed() => if changed.is_err() { return },
                    // Even when the renewing task gets no time, the lease is over now.
                    () = sleep_until(until) => if *state.borrow() == Some(until) { return },
                }
            }
        }
    }

    /// Runs work for as long as the lock is held.
    ///
    /// # Errors
    ///
    /// [`Code::RedisLeaseLost`](maily_errors::Code::RedisLeaseLost) when the lock was lost first; the work is dropped
    /// where it waited.
    pub async fn run<T>(&self, work: impl Future<Output = T>) -> Result<T> {
        tokio::select! {
            biased;
            // First: a result that is ready when the lease ends still counts.
            value = work => Ok(value),
            () = self.lost() => Err(lease::lost()),
        }
    }
}
