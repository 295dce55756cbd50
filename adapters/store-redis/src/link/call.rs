//! The future of one command.

use std::fmt;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use maily_errors::Result;
use maily_redis::{Command, Reply};
use tokio::task::coop::consume_budget;
use tokio::time::{Instant, timeout_at};

use super::Link;
use super::queue::State;
use super::slot::Slot;
use crate::error;

/// One command on a connection.
///
/// Sends nothing before it is polled. Dropping it leaves its place in the connection's queue, so the reply is read
/// and thrown away, never given to another call.
pub(crate) struct Call {
    link: Link,
    step: Step,
}

#[expect(clippy::large_enum_variant, reason = "a box would be one more allocation for each call")]
enum Step {
    /// Not sent; parked while the connection is being made.
    Begin {
        command: Command,
        /// Whether the node is asked for a slot that is on its way to it.
        asking: bool,
        parked: Option<Parked>,
    },
    /// Sent.
    Sent(Arc<Slot>),
    Over,
}

/// Waits until the connection is made or cannot be, and no longer than the deadline. Boxed: it is rare, and the
/// futures in it have no names.
type Parked = Pin<Box<dyn Future<Output = Result<()>> + Send>>;

impl Call {
    pub(super) const fn new(link: Link, command: Command, asking: bool) -> Self {
        Self { link, step: Step::Begin { command, asking, parked: None } }
    }

    /// Sends the command, or waits for a connection.
    fn begin(&mut self, cx: &mut Context<'_>) -> Poll<Result<Arc<Slot>>> {
        let Step::Begin { command, asking, parked } = &mut self.step else { return Poll::Pending };
        loop {
            if let Some(future) = parked {
                ready!(future.as_mut().poll(cx))?;
                *parked = None;
            }
            let shared = &self.link.owner.shared;
            let mut queue = shared.queue.lock();
            match &queue.state {
                State::Up => {
                    if !queue.has_room(command) {
                        return Poll::Ready(Err(error::full()));
                    }
                    if *asking {
                        queue.push_asking();
                    }
                    let slot = Arc::new(Slot::new(cx.waker().clone()));
                    let driver = queue.push(command, Some(Arc::clone(&slot)));
                    drop(queue);
                    if let Some(driver) = driver {
                        driver.wake();
                    }
                    return Poll::Ready(Ok(slot));
                }
                State::Down(failure) => {
                    let failure = failure.error();
                    drop(queue);
                    // Who repeats a call that fails at once must let the task run that makes the connection again.
                    ready!(pin!(consume_budget()).poll(cx));
                    return Poll::Ready(Err(failure));
                }
                State::Connecting => {}
                State::Idle => {
                    drop(queue);
                    self.link.start();
                    continue;
                }
            }
            // Made under the lock, so that no change is missed between the look and the wait.
            let mut notified = Box::pin(Arc::clone(&shared.changed).notified_owned());
            notified.as_mut().enable();
            drop(queue);
            let deadline = command.deadline;
            *parked =
                Some(Box::pin(
                    async move { timeout_at(deadline, notified).await.map_err(|_| error::timeout()) },
                ));
        }
    }
}

impl Future for Call {
    type Output = Result<Reply>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let outcome = match &self.step {
            Step::Begin { command, parked, .. } => {
                if parked.is_none() && command.deadline <= Instant::now() {
                    Err(error::timeout())
                } else {
                    match ready!(self.begin(cx)) {
                        Ok(slot) => {
                            self.step = Step::Sent(slot);
                            return Poll::Pending;
                        }
                        Err(err) => Err(err),
                    }
                }
            }
            Step::Sent(slot) => ready!(slot.poll(cx)),
            Step::Over => return Poll::Pending,
        };
        self.step = Step::Over;
        Poll::Ready(outcome)
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        if let Step::Sent(slot) = &self.step {
            slot.leave();
        }
    }
}

impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call").finish_non_exhaustive()
    }
}
