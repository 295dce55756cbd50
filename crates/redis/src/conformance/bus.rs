//! The rules of [`Bus`].

#![expect(
    clippy::missing_panics_doc,
    clippy::panic,
    clippy::unwrap_used,
    reason = "these are tests: a broken rule panics"
)]

use std::time::Duration;

use bytes::Bytes;
use maily_errors::Code;
use tokio::time::timeout;

use crate::bus::{
    Bus, Channel, Heard, MAX_BUFFER, MAX_BUFFER_BYTES, MAX_CHANNEL_BYTES, MAX_MESSAGE_BYTES, Missed,
    Subscription,
};

/// How long a rule waits for what must come.
const LIMIT: Duration = Duration::from_secs(20);

fn channel(name: &'static str) -> Channel {
    Channel::new(name).unwrap()
}

async fn heard(subscription: &mut Subscription) -> Heard {
    timeout(LIMIT, subscription.recv()).await.expect("nothing came")
}

async fn message(subscription: &mut Subscription) -> Bytes {
    match heard(subscription).await {
        Heard::Message(message) => message,
        Heard::Missed(missed) => panic!("{missed:?}"),
    }
}

/// Rule: what is published after the subscription comes, byte by byte and in order.
pub async fn bus_brings_messages_in_order(bus: &impl Bus) {
    let channel = channel("order");
    bus.publish(&channel, "before".into()).await.unwrap();
    let mut reader = bus.subscribe(&channel, 1000).await.unwrap();
    assert!(reader.is_listening());

    let all: Bytes = (0..=255).collect();
    bus.publish(&channel, all.clone()).await.unwrap();
    bus.publish(&channel, Bytes::new()).await.unwrap();
    for number in 0..500_u32 {
        bus.publish(&channel, Bytes::copy_from_slice(&number.to_be_bytes())).await.unwrap();
    }

    assert_eq!(message(&mut reader).await, all);
    assert_eq!(message(&mut reader).await, Bytes::new());
    for number in 0..500_u32 {
        assert_eq!(message(&mut reader).await.as_ref(), number.to_be_bytes());
    }
}

/// Rule: every subscription of a channel hears a message, and none of another channel.
pub async fn bus_brings_messages_to_their_channel(bus: &impl Bus) {
    let [one, other] = [channel("one"), channel("other")];
    let mut readers = [
        bus.subscribe(&one, 10).await.unwrap(),
        bus.subscribe(&one, 10).await.unwrap(),
        bus.subscribe(&other, 10).await.unwrap(),
    ];
    let gone = bus.subscribe(&one, 10).await.unwrap();
    drop(gone);

    bus.publish(&one, "to one".into()).await.unwrap();
    bus.publish(&other, "to other".into()).await.unwrap();

    assert_eq!(message(&mut readers[0]).await, "to one");
    assert_eq!(message(&mut readers[1]).await, "to one");
    assert_eq!(message(&mut readers[2]).await, "to other");
}

/// Rule: a reader that is too slow loses the oldest messages, and hears how many.
pub async fn bus_says_what_a_slow_reader_missed(bus: &impl Bus) {
    let channel = channel("slow");
    let mut slow = bus.subscribe(&channel, 3).await.unwrap();
    let mut quick = bus.subscribe(&channel, 1000).await.unwrap();
    for number in 0..100_u8 {
        bus.publish(&channel, vec![number].into()).await.unwrap();
    }
    // What one reader heard may still be on its way to the other: the last one comes after it.
    for _ in 0..100 {
        message(&mut quick).await;
    }
    bus.publish(&channel, "last".into()).await.unwrap();
    assert_eq!(message(&mut quick).await, "last");

    let (mut dropped, mut got) = (0, 0);
    loop {
        match heard(&mut slow).await {
            Heard::Message(message) if message == "last" => break,
            Heard::Message(_) => got += 1,
            Heard::Missed(Missed { dropped: missed, link_lost, .. }) => {
                assert!(!link_lost);
                dropped += missed;
            }
        }
    }
    assert_eq!(dropped + got, 100);
    assert!(dropped >= 96, "{dropped}");
}

/// Rule: the limits hold at their edge.
pub async fn bus_keeps_its_limits(bus: &impl Bus) {
    let name = Channel::new(vec![b'c'; MAX_CHANNEL_BYTES]).unwrap();
    let long = Channel::new(vec![b'c'; MAX_CHANNEL_BYTES + 1]);
    let large = Bytes::from(vec![7; MAX_MESSAGE_BYTES]);

    assert_eq!(long.unwrap_err().code(), Code::RedisKeyTooLarge);
    for buffer in [0, MAX_BUFFER + 1] {
        assert_eq!(bus.subscribe(&name, buffer).await.unwrap_err().code(), Code::Invalid);
    }
    let mut reader = bus.subscribe(&name, MAX_BUFFER).await.unwrap();
    let over = Bytes::from(vec![7; MAX_MESSAGE_BYTES + 1]);
    assert_eq!(bus.publish(&name, over).await.unwrap_err().code(), Code::RedisPayloadTooLarge);

    bus.publish(&name, large.clone()).await.unwrap();
    assert_eq!(message(&mut reader).await, large);

    let fit = MAX_BUFFER_BYTES / MAX_MESSAGE_BYTES;
    for _ in 0..=fit {
        bus.publish(&name, large.clone()).await.unwrap();
    }
    let mut last = bus.subscribe(&name, MAX_BUFFER).await.unwrap();
    bus.publish(&name, "end".into()).await.unwrap();
    // What was published before may still be on its way to both; what comes after it is not.
    while message(&mut last).await != "end" {}
    let (mut dropped, mut got) = (0, 0);
    loop {
        match heard(&mut reader).await {
            Heard::Message(message) if message == "end" => break,
            Heard::Message(_) => got += 1,
            Heard::Missed(missed) => dropped += missed.dropped,
        }
    }
    assert_eq!(got + dropped as usize, fit + 1);
    assert!(got <= fit, "{got} messages of 1 MiB waited");
}
