//! What waits for one reader: bounded, and honest about what it dropped.

use std::collections::VecDeque;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use maily_errors::{Error, Result};
use parking_lot::Mutex;
use tokio::sync::Notify;

use super::model::{Heard, MAX_BUFFER_BYTES, Missed};

/// A queue between whoever hears and whoever reads. Writing never waits.
#[derive(Debug)]
pub(super) struct Inbox {
    state: Mutex<State>,
    /// Rings when the link works for the first time, or is refused.
    first: Notify,
}

#[derive(Debug)]
struct State {
    waiting: VecDeque<Waiting>,
    bytes: usize,
    limit: usize,
    /// What is missing before the first that waits.
    missed: Missed,
    link: Link,
    /// Why the server did not let us hear at first.
    refusal: Option<Error>,
    reader: Option<Waker>,
}

#[derive(Debug)]
enum Waiting {
    Gap,
    Message(Bytes),
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Link {
    Lost,
    New,
    Works,
}

impl Inbox {
    pub(super) fn new(limit: usize) -> Self {
        let state = State {
            waiting: VecDeque::new(),
            bytes: 0,
            limit,
            missed: Missed::default(),
            link: Link::New,
            refusal: None,
            reader: None,
        };
        Self { state: Mutex::new(state), first: Notify::new() }
    }

    /// Adds a message; drops the oldest if there is no room.
    pub(super) fn message(&self, message: Bytes) {
        let mut state = self.state.lock();
        state.bytes += message.len();
        state.waiting.push_back(Waiting::Message(message));
        let before = state.missed.dropped;
        while state.waiting.len() > state.limit || state.bytes > MAX_BUFFER_BYTES {
            state.drop_oldest();
        }
        let dropped = state.missed.dropped - before;
        let reader = state.reader.take();
        drop(state);
        if dropped > 0 {
            metrics::counter!("maily_redis_bus_missed_total", "reason" => "slow").increment(dropped);
        }
        wake(reader);
    }

    /// Notes that nothing is heard now.
    pub(super) fn lost(&self) {
        let mut state = self.state.lock();
        if state.link == Link::Works {
            state.link = Link::Lost;
            metrics::counter!("maily_redis_bus_missed_total", "reason" => "link").increment(1);
        }
    }

    /// Notes that the server does not let us hear: who has heard before hears nothing now.
    pub(super) fn refused(&self, refusal: Error) {
        self.lost();
        let mut state = self.state.lock();
        if state.link == Link::New {
            state.refusal = Some(refusal);
            drop(state);
            self.first.notify_waiters();
        }
    }

    /// Notes that from now on everything is heard.
    pub(super) fn listening(&self) {
        let mut state = self.state.lock();
        // Said now and not when the link was lost: who reads again now and then listens has missed nothing.
        // One word is enough for several losses in a row.
        let said = matches!(state.waiting.back(), Some(Waiting::Gap));
        if state.link == Link::Lost && !said {
            state.waiting.push_back(Waiting::Gap);
        }
        state.link = Link::Works;
        let reader = state.reader.take();
        drop(state);
        self.first.notify_waiters();
        wake(reader);
    }

    pub(super) fn is_listening(&self) -> bool {
        self.state.lock().link == Link::Works
    }

    /// Waits until the link works for the first time.
    ///
    /// # Errors
    ///
    /// Why the server does not let us hear.
    pub(super) async fn listened(&self) -> Result<()> {
        loop {
            let mut first = std::pin::pin!(self.first.notified());
            first.as_mut().enable();
            if self.is_listening() {
                return Ok(());
            }
            if let Some(refusal) = self.state.lock().refusal.take() {
                return Err(refusal);
            }
            first.await;
        }
    }

    pub(super) fn poll(&self, cx: &Context<'_>) -> Poll<Heard> {
        let mut state = self.state.lock();
        if state.missed != Missed::default() {
            return Poll::Ready(Heard::Missed(std::mem::take(&mut state.missed)));
        }
        match state.waiting.pop_front() {
            Some(Waiting::Gap) => Poll::Ready(Heard::Missed(Missed { link_lost: true, dropped: 0 })),
            Some(Waiting::Message(message)) => {
                state.bytes -= message.len();
                Poll::Ready(Heard::Message(message))
            }
            None => {
                state.reader = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }
}

impl State {
    fn drop_oldest(&mut self) {
        match self.waiting.pop_front() {
            Some(Waiting::Gap) => self.missed.link_lost = true,
            Some(Waiting::Message(message)) => {
                self.bytes -= message.len();
                self.missed.dropped += 1;
            }
            None => {}
        }
    }
}

fn wake(reader: Option<Waker>) {
    if let Some(reader) = reader {
        reader.wake();
    }
}
