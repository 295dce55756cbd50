//! The rules of [`Transport`], on a server that runs.

#![expect(clippy::unwrap_used, clippy::missing_panics_doc, reason = "these are tests: a broken rule panics")]

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::{join_all, select};
use maily_errors::{Kind, Result};
use tokio::time::Instant;

use crate::model::{Command, Reply};
use crate::port::Transport;

const LIMIT: Duration = Duration::from_secs(10);

async fn call(transport: &impl Transport, words: &[&[u8]], limit: Duration) -> Result<Reply> {
    let arguments = words.iter().map(|word| Bytes::copy_from_slice(word));
    let mut transport = transport.clone();
    poll_fn(|cx| transport.poll_ready(cx)).await?;
    transport.call(Command::new(arguments, Instant::now() + limit)).await
}

/// Rule: arguments and replies are bytes, of any size.
pub async fn transport_returns_any_bytes(transport: &impl Transport) {
    let all: Vec<u8> = (0..=255).collect();
    for sent in [Vec::new(), all.clone(), all.repeat(4096)] {
        let reply = call(transport, &[b"ECHO", &sent], LIMIT).await.unwrap();
        assert_eq!(reply, Reply::Data(sent.into()));
    }
}

/// Rule: every type of reply arrives as what it is, a refusal too.
pub async fn transport_tells_replies_apart(transport: &impl Transport) {
    let send = async |words: &[&[u8]]| call(transport, words, LIMIT).await.unwrap();

    assert_eq!(send(&[b"DEL", b"conformance:types"]).await, Reply::Integer(0));
    assert_eq!(send(&[b"GET", b"conformance:types"]).await, Reply::Nil);
    assert_eq!(send(&[b"RPUSH", b"conformance:types", b"a"]).await, Reply::Integer(1));
    let list = Reply::List(vec![Reply::Data("a".into())]);
    assert_eq!(send(&[b"LRANGE", b"conformance:types", b"0", b"-1"]).await, list);
    let refused = send(&[b"GET", b"conformance:types"]).await;
    assert!(
        matches!(refused, Reply::Refused { code, message } if code == "WRONGTYPE" && !message.is_empty())
    );
    let no_script = send(&[b"EVALSHA", &[b'0'; 40], b"0"]).await;
    assert!(matches!(no_script, Reply::Refused { code, .. } if code == "NOSCRIPT"));
}

/// Rule: concurrent calls do not get each other's replies.
pub async fn transport_gives_each_call_its_own_reply(transport: &impl Transport) {
    let replies = join_all((0..500_u32).map(|number| async move {
        let sent = number.to_be_bytes();
        (sent, call(transport, &[b"ECHO", &sent], LIMIT).await.unwrap())
    }));
    for (sent, reply) in replies.await {
        assert_eq!(reply, Reply::Data(Bytes::copy_from_slice(&sent)));
    }
}

/// Rule: a dropped call leaves its reply to nobody.
pub async fn transport_mixes_no_replies_when_calls_are_dropped(transport: &impl Transport) {
    for number in 0..200_u32 {
        let sent = number.to_be_bytes();
        let dropped = Box::pin(call(transport, &[b"ECHO", b"dropped"], LIMIT));
        let yielded = Box::pin(tokio::task::yield_now());
        drop(select(dropped, yielded).await);

        let reply = call(transport, &[b"ECHO", &sent], LIMIT).await.unwrap();

        assert_eq!(reply, Reply::Data(Bytes::copy_from_slice(&sent)));
    }
}

/// Rule: a call whose reply does not come answers at its deadline, and the next one works.
pub async fn transport_answers_by_the_deadline(transport: &impl Transport) {
    let limit = Duration::from_millis(50);
    let silent = call(transport, &[b"BLPOP", b"conformance:nothing", b"1"], limit).await;
    let over = call(transport, &[b"PING"], Duration::ZERO).await;

    assert_eq!(silent.unwrap_err().kind(), Kind::Timeout);
    assert_eq!(over.unwrap_err().kind(), Kind::Timeout);
    assert!(call(transport, &[b"PING"], LIMIT).await.is_ok());
}

/// Rule: a command that waits on the server holds up no other one, and has only its own deadline.
pub async fn transport_waits_apart(transport: &impl Transport) {
    let queue: &[u8] = b"conformance:waits";
    let wait = [b"BLPOP" as &[u8], queue, b"5"].map(Bytes::copy_from_slice);
    let mut waiting = transport.clone();
    poll_fn(|cx| waiting.poll_ready(cx)).await.unwrap();
    let command = Command::new(wait, Instant::now() + LIMIT).with_key(1).with_blocking();
    let mut waits = pin!(waiting.call(command));
    assert!(poll_once(waits.as_mut()).await.is_none());

    for _ in 0..20 {
        assert!(call(transport, &[b"PING"], LIMIT).await.is_ok());
        assert!(poll_once(waits.as_mut()).await.is_none());
    }
    call(transport, &[b"RPUSH", queue, b"a"], LIMIT).await.unwrap();

    let popped = Reply::List(vec![Reply::Data(Bytes::from_static(queue)), Reply::Data("a".into())]);
    assert_eq!(waits.await.unwrap(), popped);
}

/// Rule: dropping a call that waits on the server ends the wait, so that nothing later is taken for nobody.
pub async fn transport_ends_the_wait_of_a_dropped_call(transport: &impl Transport) {
    // In the slot of the word by which the node is asked for its clients.
    let queue: &[u8] = b"{normal}:conformance:dropped-wait";
    let mut waiting = transport.clone();
    poll_fn(|cx| waiting.poll_ready(cx)).await.unwrap();
    let wait = [b"BRPOP" as &[u8], queue, b"30"].map(Bytes::copy_from_slice);
    let mut waits =
        Box::pin(waiting.call(Command::new(wait, Instant::now() + LIMIT).with_key(1).with_blocking()));
    until(async || {
        assert!(poll_once(waits.as_mut()).await.is_none());
        blocked(transport).await
    })
    .await;

    drop(waits);
    until(async || !blocked(transport).await).await;
    call(transport, &[b"RPUSH", queue, b"a"], LIMIT).await.unwrap();

    assert_eq!(call(transport, &[b"LPOP", queue], LIMIT).await.unwrap(), Reply::Data("a".into()));
}

/// Says whether a client waits as only this rule does, by the server's own list.
async fn blocked(transport: &impl Transport) -> bool {
    let words = ["CLIENT", "LIST", "TYPE", "normal"].map(|word| Bytes::from_static(word.as_bytes()));
    let mut transport = transport.clone();
    poll_fn(|cx| transport.poll_ready(cx)).await.unwrap();
    let list = transport.call(Command::new(words, Instant::now() + LIMIT).with_key(3)).await.unwrap();
    matches!(list, Reply::Data(list) if String::from_utf8_lossy(&list).contains("cmd=brpop"))
}

async fn until(mut state: impl AsyncFnMut() -> bool) {
    let start = Instant::now();
    while !state().await {
        assert!(start.elapsed() < LIMIT, "the state does not come");
        tokio::task::yield_now().await;
    }
}

async fn poll_once<F: Future + Unpin>(mut future: F) -> Option<F::Output> {
    poll_fn(|cx| match Pin::new(&mut future).poll(cx) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending => Poll::Ready(None),
    })
    .await
}
