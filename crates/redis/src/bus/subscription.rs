//! The reading end of a channel.

use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_core::Stream;

use super::inbox::Inbox;
use super::model::Heard;

/// Hears a channel until it is dropped; an endless [`Stream`].
///
/// When the link is lost it listens again by itself, and hears [`Heard::Missed`] once it does.
pub struct Subscription {
    inbox: Arc<Inbox>,
    /// Ends the subscription at the other end when dropped.
    _guard: Box<dyn Send + Sync>,
}

impl Subscription {
    pub(super) fn new(inbox: Arc<Inbox>, guard: impl Send + Sync + 'static) -> Self {
        Self { inbox, _guard: Box::new(guard) }
    }

    /// Waits for the next message, or for the word that some are missing.
    ///
    /// # Cancellation
    ///
    /// Dropping the future loses nothing.
    pub async fn recv(&mut self) -> Heard {
        poll_fn(|cx| self.inbox.poll(cx)).await
    }

    /// Returns whether the link works now; if not, nothing is heard until it does.
    #[must_use]
    pub fn is_listening(&self) -> bool {
        self.inbox.is_listening()
    }
}

impl Stream for Subscription {
    type Item = Heard;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Heard>> {
        self.inbox.poll(cx).map(Some)
    }
}

impl fmt::Debug for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscription").field("listening", &self.is_listening()).finish_non_exhaustive()
    }
}
