//! The rules of [`Listen`], on a server that runs.

#![expect(clippy::unwrap_used, clippy::missing_panics_doc, reason = "these are tests: a broken rule panics")]

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use maily_errors::Result;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::time::{Instant, timeout};

use crate::model::{Command, Event, Reply};
use crate::port::{Listen, Listener, Transport};

const LIMIT: Duration = Duration::from_secs(10);

fn ear() -> (Listener, UnboundedReceiver<Event>) {
    let (sender, receiver) = unbounded_channel();
    let listener = move |event| drop(sender.send(event));
    (Arc::new(listener), receiver)
}

async fn next(events: &mut UnboundedReceiver<Event>) -> Event {
    timeout(LIMIT, events.recv()).await.expect("an event in time").expect("the listener lives")
}

async fn send(transport: &impl Transport, words: &[&str]) -> Reply {
    let answer: Result<Reply> = async {
        let mut transport = transport.clone();
        std::future::poll_fn(|cx| transport.poll_ready(cx)).await?;
        let words = words.iter().map(|word| Bytes::copy_from_slice(word.as_bytes()));
        transport.call(Command::new(words, Instant::now() + LIMIT).with_key(1)).await
    }
    .await;
    answer.unwrap()
}

/// Rule: a change of what was read is heard, and before any reply that the server gave after it.
pub async fn listen_hears_changes_of_what_was_read(port: &(impl Listen + Transport)) {
    let (listener, mut events) = ear();
    let watched = port.watch(listener);
    assert_eq!(next(&mut events).await, Event::Listening);
    for round in 0..50 {
        let value = round.to_string();
        send(&watched, &["GET", "conformance:watched"]).await;
        send(port, &["SET", "conformance:watched", &value]).await;

        // What the server wrote before this reply was heard before it.
        assert_eq!(send(&watched, &["GET", "conformance:watched"]).await, Reply::Data(value.into()));

        let changed = Event::Changed(Some(vec!["conformance:watched".into()]));
        assert_eq!(events.try_recv().unwrap(), changed);
    }
}

/// Rule: what was not read on the watched connection makes no noise.
pub async fn listen_is_quiet_about_what_was_not_read(port: &(impl Listen + Transport)) {
    let (listener, mut events) = ear();
    let watched = port.watch(listener);
    assert_eq!(next(&mut events).await, Event::Listening);

    send(port, &["GET", "conformance:quiet"]).await;
    send(port, &["SET", "conformance:quiet", "1"]).await;
    send(&watched, &["GET", "conformance:other"]).await;

    assert!(events.try_recv().is_err());
}

/// Rule: every message on a channel is heard in order, by every listener, from the first after [`Event::Listening`].
pub async fn listen_hears_every_message(port: &(impl Listen + Transport)) {
    let channel = Bytes::from_static(b"conformance:channel");
    let ears = [ear(), ear()];
    let mut heard = Vec::new();
    let mut subscriptions = Vec::new();
    for (listener, mut events) in ears {
        subscriptions.push(port.subscribe(channel.clone(), listener));
        assert_eq!(next(&mut events).await, Event::Listening);
        heard.push(events);
    }
    for number in 0..100 {
        send(port, &["SPUBLISH", "conformance:channel", &number.to_string()]).await;
    }
    for events in &mut heard {
        for number in 0..100 {
            let payload = number.to_string().into();
            assert_eq!(next(events).await, Event::Message { channel: channel.clone(), payload });
        }
    }
}

/// Rule: a subscription that is dropped ends, and only that one.
pub async fn listen_ends_with_its_subscription(port: &(impl Listen + Transport)) {
    let channel = Bytes::from_static(b"conformance:ends");
    let (listener, mut ends) = ear();
    let first = port.subscribe(channel.clone(), listener);
    let (listener, mut stays) = ear();
    let _second = port.subscribe(channel.clone(), listener);
    assert_eq!(next(&mut ends).await, Event::Listening);
    assert_eq!(next(&mut stays).await, Event::Listening);

    drop(first);
    send(port, &["SPUBLISH", "conformance:ends", "later"]).await;

    assert_eq!(next(&mut stays).await, Event::Message { channel, payload: "later".into() });
    // Its listener is gone, so there is nobody who could send.
    assert_eq!(timeout(LIMIT, ends.recv()).await, Ok(None));
}

/// Rule: a watched connection that is dropped is heard of no more.
pub async fn listen_ends_with_what_it_returned(port: &(impl Listen + Transport)) {
    let (listener, mut events) = ear();
    let watched = port.watch(listener);
    assert_eq!(next(&mut events).await, Event::Listening);
    send(&watched, &["GET", "conformance:dropped"]).await;

    drop(watched);
    send(port, &["SET", "conformance:dropped", "1"]).await;

    // The connection ends and drops the listener; it may hear the change, but not that the connection is lost.
    while let Some(event) = timeout(LIMIT, events.recv()).await.expect("the listener is dropped") {
        assert!(matches!(event, Event::Changed(_)), "{event:?}");
    }
}
