//! What a server says by itself.

use std::sync::Arc;
use std::time::Duration;

use maily_redis::{Event, Listener};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

/// Returns a listener, and what it hears.
pub(crate) fn ear() -> (Listener, UnboundedReceiver<Event>) {
    let (sender, receiver) = unbounded_channel();
    (Arc::new(move |event| drop(sender.send(event))), receiver)
}

/// Returns the events up to this one, which comes within twenty seconds.
pub(crate) async fn until(events: &mut UnboundedReceiver<Event>, last: &Event) -> Vec<Event> {
    let mut seen = Vec::new();
    loop {
        let next = tokio::time::timeout(Duration::from_secs(20), events.recv()).await;
        let event = next.unwrap_or_else(|_| panic!("no {last:?} after {seen:?}")).unwrap();
        seen.push(event);
        if seen.last() == Some(last) {
            return seen;
        }
    }
}
