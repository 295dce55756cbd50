//! The task that makes a connection, serves it, and makes it again.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;

use maily_errors::{Error, Result};
use maily_redis::Event;
use tokio::time::{Instant, sleep, timeout};

use super::greet::greet;
use super::pipe::Pipe;
use super::queue::{End, Flight, State};
use super::{Shared, events};
use crate::error::{self, Failure};
use crate::resp::Frames;
use crate::stream::{self, Stream};

/// Serves a link until nobody needs it: without a listener that is when the connection is lost and nobody calls.
pub(super) async fn drive(shared: Arc<Shared>) {
    let mut driver = Driver { shared, left: false };
    loop {
        match driver.connect().await {
            Ok((stream, frames)) => {
                let connected = Instant::now();
                let Some(err) = driver.serve(stream, frames).await else { return };
                if connected.elapsed() < SHORT {
                    // A connection that did not last is as good as none.
                    driver.down(&err);
                } else {
                    driver.shared.queue.lock().failures = 0;
                }
            }
            Err(err) => driver.down(&err),
        }
        if !driver.pause().await {
            driver.left = true;
            return;
        }
    }
}

struct Driver {
    shared: Arc<Shared>,
    /// Whether its place is free already: from then on it may be another one's.
    left: bool,
}

impl Driver {
    /// Makes a connection, from the beginning again when it is to lead elsewhere meanwhile, if it can.
    async fn connect(&self) -> Result<(Stream, Frames)> {
        loop {
            let renewed = self.shared.renewed.notified();
            tokio::pin!(renewed);
            // Before the flag is taken back: what is asked for from now on ends the attempt.
            renewed.as_mut().enable();
            if !self.shared.queue.lock().begin() {
                return Err(error::unwanted());
            }
            tokio::select! {
                biased;
                () = renewed => {
                    if !self.shared.resolve.moves() {
                        return Err(error::unwanted());
                    }
                }
                attempt = self.attempt() => return attempt,
            }
        }
    }

    async fn attempt(&self) -> Result<(Stream, Frames)> {
        let options = &self.shared.options;
        let resolve = &self.shared.resolve;
        let mut found = None;
        let attempt = async {
            let target = found.insert(resolve.resolve().await?);
            let mut stream = stream::connect(&target.address, &options.connect).await?;
            let mut frames = Frames::default();
            let (hello, pushed) = greet(&mut stream, &mut frames, options).await?;
            resolve.accept(target, &hello)?;
            Ok((stream, frames, pushed, target.epoch))
        };
        let attempt = timeout(options.connect.timeout, attempt).await;
        let attempt = attempt.unwrap_or_else(|_| Err(error::connect_timeout(options.connect.timeout)));
        if attempt.is_err()
            && let Some(target) = &found
        {
            resolve.failed(target);
        }
        let (stream, frames, pushed, epoch) = attempt?;
        pushed.into_iter().for_each(|said| events::tell(options, Some(said)));
        let mut queue = self.shared.queue.lock();
        queue.state = State::Up;
        queue.epoch = epoch;
        drop(queue);
        // No reply is read before the listener knows.
        self.shared.tell(Event::Listening);
        self.shared.changed.notify_waiters();
        Ok((stream, frames))
    }

    /// Serves a connection to its end; returns why it ended, or `None` when nobody needs another one.
    async fn serve(&self, stream: Stream, frames: Frames) -> Option<Error> {
        let mut serving =
            Serving { shared: &self.shared, pipe: Some(Pipe::new(&self.shared, stream, frames)) };
        let err = match poll_fn(|cx| serving.poll(cx)).await {
            End::Closed => return None,
            End::Lost(err) => err,
            End::Renewed => error::renewed(),
        };
        serving.end(&err);
        Some(err)
    }

    /// Notes that an attempt failed, and tells everybody who waits for it.
    fn down(&self, err: &Error) {
        self.shared.tell(Event::Lost);
        let mut queue = self.shared.queue.lock();
        queue.failures = queue.failures.saturating_add(1);
        queue.state = State::Down(Failure::of(err).unsent());
        drop(queue);
        self.shared.changed.notify_waiters();
    }

    /// Waits before the next attempt; returns whether to make it.
    async fn pause(&self) -> bool {
        let renewed = self.shared.renewed.notified();
        let failures = self.shared.queue.lock().failures;
        if failures > 0 {
            tokio::select! {
                () = renewed => {}
                () = sleep(backoff(failures)) => {}
            }
        }
        let mut queue = self.shared.queue.lock();
        let again = !queue.closed && self.shared.options.listener.is_some();
        queue.state = if again { State::Connecting } else { State::Idle };
        drop(queue);
        // Who began to wait during the pause begins the next attempt.
        self.shared.changed.notify_waiters();
        again
    }
}

/// A pipe, and what must be said when it ends, be it with its runtime.
struct Serving<'a> {
    shared: &'a Shared,
    pipe: Option<Pipe<'a>>,
}

impl Serving<'_> {
    fn poll(&mut self, cx: &mut std::task::Context<'_>) -> std::task::Poll<End> {
        match &mut self.pipe {
            Some(pipe) => pipe.poll(cx),
            None => std::task::Poll::Ready(End::Closed),
        }
    }

    fn end(&mut self, err: &Error) {
        let Some(pipe) = self.pipe.take() else { return };
        let mut flights = pipe.into_flights();
        let mut queue = self.shared.queue.lock();
        queue.state = State::Connecting;
        queue.renew = false;
        queue.taken = 0;
        queue.bytes = Vec::new();
        flights.append(&mut queue.flights);
        drop(queue);
        // Before any call fails for it.
        self.shared.tell(Event::Lost);
        fail(flights, &Failure::of(err));
    }
}

impl Drop for Serving<'_> {
    fn drop(&mut self) {
        self.end(&error::closed());
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        if self.left {
            return;
        }
        // The driver ends with its runtime, or nobody can call any more: the next call begins another one.
        self.shared.queue.lock().state = State::Idle;
        self.shared.changed.notify_waiters();
    }
}

fn fail(flights: VecDeque<Flight>, failure: &Failure) {
    for flight in flights {
        if let Some(waker) = flight.slot.and_then(|slot| slot.complete(Err(failure.error()))) {
            waker.wake();
        }
    }
}

/// Exponential backoff with full jitter: a random time up to 10 ms, doubled for each failure, at most 500 ms.
///
/// Source: Marc Brooker, "Exponential Backoff and Jitter", AWS Architecture Blog, 2015.
fn backoff(failures: u32) -> Duration {
    let limit = FIRST_PAUSE.saturating_mul(1 << failures.min(10)).min(MAX_PAUSE);
    limit.mul_f64(rand::random::<f64>())
}

const FIRST_PAUSE: Duration = Duration::from_millis(5);
const MAX_PAUSE: Duration = Duration::from_millis(500);
/// A connection that ends sooner counts as a failed attempt.
const SHORT: Duration = Duration::from_secs(1);
