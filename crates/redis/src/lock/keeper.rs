//! The task behind a guard: it renews the lease, notices its end, and gives the lock back.

use std::time::Duration;

use maily_errors::{Code, Error, Result};
use tokio::runtime::Handle;
use tokio::sync::{oneshot, watch};
use tokio::time::{Instant, sleep, sleep_until, timeout_at};

use super::guard::Guard;
use super::lease::{self, Grant, Owner};
use super::token::Token;
use crate::model::Key;
use crate::port::Leases;

/// Where the result of a release goes.
pub(super) type Answer = oneshot::Sender<Result<()>>;

/// What is asked for in the name of one owner. Dropped while the server may have granted it, it gives it back.
#[derive(Debug)]
pub(super) struct Claim<S: Leases + 'static> {
    store: S,
    name: Key,
    owner: Owner,
    ttl: Duration,
    /// Until when the server may hold something for this owner.
    open: Option<Instant>,
}

impl<S: Leases + 'static> Claim<S> {
    pub(super) fn new(store: S, name: Key, ttl: Duration) -> Self {
        Self { store, name, owner: Owner::random(), ttl, open: None }
    }

    /// Asks for the lock. Asking again is harmless.
    pub(super) async fn ask(&mut self, patience: Duration) -> Result<Grant> {
        self.open = Some(Instant::now() + self.ttl);
        let grant = self.store.acquire(&self.name, self.owner, self.ttl, patience).await?;
        if matches!(grant, Grant::Held { .. }) {
            self.open = None;
        }
        Ok(grant)
    }

    async fn renew(&self) -> Result<bool> {
        self.store.renew(&self.name, self.owner, self.ttl).await
    }

    /// Gives the lock back, trying until `until`; each result goes to `heard`, which keeps the first.
    async fn release(self, until: Instant, mut heard: Option<Answer>) {
        let claim = self.closed();
        loop {
            let result = match timeout_at(until, claim.store.release(&claim.name, claim.owner)).await {
                Ok(result) => result.and_then(|held| if held { Ok(()) } else { Err(lease::lost()) }),
                Err(_) => Err(lease::lost()),
            };
            let again = result.as_ref().is_err_and(Error::is_temporary) && Instant::now() < until;
            if !again {
                // First: who hears the answer may count on nobody else having the store, as to open its file again.
                drop(claim);
                return tell(heard, result);
            }
            tell(heard.take(), result);
            sleep(lease::jittered(claim.retry_after())).await;
        }
    }

    /// Returns the claim as one that its drop leaves alone.
    fn closed(mut self) -> Self {
        self.open = None;
        self
    }

    /// How long after a failure the next try comes: twenty fit into a lease.
    fn retry_after(&self) -> Duration {
        (self.ttl / 20).clamp(Duration::from_millis(5), Duration::from_millis(250))
    }
}

impl<S: Leases + 'static> Drop for Claim<S> {
    fn drop(&mut self) {
        let Some(until) = self.open.take() else { return };
        // Without a runtime nothing can be sent, and the lease ends by itself.
        let Ok(runtime) = Handle::try_current() else { return };
        let (store, name, owner, ttl) = (self.store.clone(), self.name.clone(), self.owner, self.ttl);
        let claim = Self { store, name, owner, ttl, open: None };
        runtime.spawn(claim.release(until, None));
    }
}

/// Answers a release. Nobody listens when its future was dropped, or the guard was.
fn tell(heard: Option<Answer>, result: Result<()>) {
    if let Some(answer) = heard {
        let _ = answer.send(result);
    }
}

/// Begins to renew a lease that was granted, and returns its guard.
pub(super) fn start<S: Leases + 'static>(claim: Claim<S>, token: Token, until: Instant) -> Guard {
    let (state, seen) = watch::channel(Some(until));
    let (stop, stopped) = oneshot::channel();
    // Owned by the guard: it ends when the guard is dropped, or with the lease.
    tokio::spawn(keep(claim.closed(), until, state, stopped));
    Guard::new(token, seen, stop)
}

/// Renews until the guard is gone or the lease is over, whatever goes wrong in between.
async fn keep<S: Leases + 'static>(
    claim: Claim<S>,
    mut until: Instant,
    state: watch::Sender<Option<Instant>>,
    mut stopped: oneshot::Receiver<Answer>,
) {
    let mut next = Instant::now() + renew_after(claim.ttl);
    let heard = loop {
        tokio::select! {
            biased;
            heard = &mut stopped => break heard.ok(),
            () = sleep_until(next.min(until)) => {}
        }
        let sent = Instant::now();
        if sent >= until {
            break None;
        }
        // A request that hangs must not use up the lease: the next one may find another connection.
        let patience = until.min(sent + claim.ttl / 4);
        let renewed = tokio::select! {
            biased;
            heard = &mut stopped => break heard.ok(),
            renewed = timeout_at(patience, claim.renew()) => renewed,
        };
        match renewed {
            Ok(Ok(true)) => {
                until = lease::reliable_until(sent, claim.ttl);
                state.send_replace(Some(until));
                next = sent + renew_after(claim.ttl);
            }
            Ok(Ok(false)) => break None,
            // Nothing opens it again: the lease lasts, but nobody can keep it.
            Ok(Err(err)) if err.code() == Code::RedisDiskClosed => break None,
            Ok(Err(_)) | Err(_) => next = Instant::now() + lease::jittered(claim.retry_after()),
        }
    };
    // Who wants to release what is lost hears so at once, and does not wait for what follows.
    let heard = heard.filter(|_| Instant::now() < until);
    drop(stopped);
    state.send_replace(None);
    // After a loss too: what the server still has for this owner only keeps others waiting.
    let ttl = claim.ttl;
    claim.release(until.max(Instant::now() + ttl / 4), heard).await;
}

/// When the next renewal is due: with its round trip within a third of the lease, so that a loss is heard by then.
fn renew_after(ttl: Duration) -> Duration {
    ttl.mul_f64(rand::random_range(0.22..0.3))
}
