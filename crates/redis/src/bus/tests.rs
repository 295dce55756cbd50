use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use maily_errors::{Code, Error, Result};
use parking_lot::Mutex;
use std::task::{Context, Poll};
use tower_service::Service;

use super::*;
use crate::{Command, Event, Listen, Listener, Reply, ServerStore, StoreConfig};

/// A transport whose listeners the test speaks to.
#[derive(Clone, Default)]
struct Fake {
    commands: Arc<Mutex<Vec<Command>>>,
    listeners: Arc<Mutex<Vec<(Bytes, Listener)>>>,
    silent: bool,
}

impl Service<Command> for Fake {
    type Response = Reply;
    type Error = Error;
    type Future = std::future::Ready<Result<Reply>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, command: Command) -> Self::Future {
        self.commands.lock().push(command);
        std::future::ready(Ok(Reply::Integer(0)))
    }
}

impl Listen for Fake {
    type Watched = Self;
    type Subscription = Arc<()>;

    fn watch(&self, _: Listener) -> Self {
        self.clone()
    }

    fn subscribe(&self, channel: Bytes, listener: Listener) -> Self::Subscription {
        listener(if self.silent { Event::Lost } else { Event::Listening });
        self.listeners.lock().push((channel, listener));
        Arc::new(())
    }

    fn silence(&self) -> Duration {
        Duration::from_secs(1)
    }
}

impl Fake {
    fn says(&self, event: Event) {
        self.listeners.lock()[0].1(event);
    }

    fn message(&self, text: &'static str) {
        self.says(Event::Message { channel: "maily:c".into(), payload: text.into() });
    }
}

fn store(fake: &Fake) -> ServerStore<Fake> {
    StoreConfig { prefix: "maily:".to_owned(), ..StoreConfig::default() }.build(fake.clone()).unwrap()
}

fn channel() -> Channel {
    Channel::new("c").unwrap()
}

fn gap(dropped: u64) -> Heard {
    Heard::Missed(Missed { dropped, link_lost: true })
}

#[tokio::test]
async fn messages_are_published_to_the_shard_of_the_channel() {
    let fake = Fake::default();

    store(&fake).publish(&channel(), "m".into()).await.unwrap();

    let commands = fake.commands.lock();
    assert_eq!(commands[0].arguments[..], ["SPUBLISH", "maily:c", "m"]);
    assert_eq!(commands[0].key, Some(1));
}

#[tokio::test]
async fn lost_link_is_heard_between_what_came_before_and_after() {
    let fake = Fake::default();
    let mut reader = store(&fake).subscribe(&channel(), 10).await.unwrap();
    assert_eq!(fake.listeners.lock()[0].0, "maily:c");

    fake.message("before");
    fake.says(Event::Lost);
    assert!(!reader.is_listening());
    fake.says(Event::Lost);
    fake.says(Event::Listening);
    assert!(reader.is_listening());
    fake.message("after");

    assert_eq!(reader.recv().await, Heard::Message("before".into()));
    assert_eq!(reader.recv().await, gap(0));
    assert_eq!(reader.recv().await, Heard::Message("after".into()));
}

#[tokio::test]
async fn link_that_is_lost_often_is_one_word_to_who_does_not_read() {
    let fake = Fake::default();
    let mut reader = store(&fake).subscribe(&channel(), 2).await.unwrap();
    for _ in 0..1000 {
        fake.says(Event::Lost);
        fake.says(Event::Listening);
    }
    fake.message("after");

    assert_eq!(reader.recv().await, gap(0));
    assert_eq!(reader.recv().await, Heard::Message("after".into()));
}

#[tokio::test]
async fn gap_that_no_longer_fits_is_heard_with_what_was_dropped() {
    let fake = Fake::default();
    let mut reader = store(&fake).subscribe(&channel(), 2).await.unwrap();
    fake.message("a");
    fake.says(Event::Lost);
    fake.says(Event::Listening);
    for text in ["b", "c", "d"] {
        fake.message(text);
    }

    assert_eq!(reader.recv().await, gap(2));
    assert_eq!(reader.recv().await, Heard::Message("c".into()));
    assert_eq!(reader.recv().await, Heard::Message("d".into()));
}

#[tokio::test(start_paused = true)]
async fn channel_that_nobody_serves_is_an_error_in_time() {
    let fake = Fake { silent: true, ..Fake::default() };

    let err = store(&fake).subscribe(&channel(), 10).await.unwrap_err();

    assert_eq!(err.code(), Code::RedisUnreachable);
    assert!(err.is_temporary());
}

#[tokio::test]
async fn dropped_subscription_leaves_nothing_in_memory() {
    let store = crate::MemoryStore::default();
    let reader = store.subscribe(&channel(), 10).await.unwrap();
    let other = store.subscribe(&channel(), 10).await.unwrap();

    drop(reader);
    assert_eq!(store.parts().channels.len(), 1);
    drop(other);

    assert_eq!(store.parts().channels.len(), 0);
    store.publish(&channel(), "to nobody".into()).await.unwrap();
}
