//! Calls that are dropped at any moment never get each other's replies.
#![cfg(feature = "conformance")]
#![expect(clippy::unwrap_used, reason = "these are tests: what fails panics")]

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;
use std::time::{Duration, Instant};

use bytes::Bytes;
use maily_redis::{Command, Reply};
use maily_store_redis::testing::{Fault, Proxy, Server};
use maily_store_redis::{RedisConfig, RedisTransport};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use tower::Service as _;

/// How many calls of all tasks together: a million with `MAILY_SOAK=1`.
fn calls() -> u64 {
    if std::env::var_os("MAILY_SOAK").is_some_and(|value| value == "1") { 1_000_000 } else { 60_000 }
}

const TASKS: u64 = 64;

/// What all tasks saw.
#[derive(Debug, Default)]
struct Seen {
    answered: AtomicU64,
    dropped: AtomicU64,
    failed: AtomicU64,
}

/// Sends numbers that no other call has, and gives up a third of the calls after up to eight polls.
async fn caller(transport: RedisTransport, task: u64, calls: u64, seen: Arc<Seen>) {
    let mut random = StdRng::seed_from_u64(task);
    let mut call = 0;
    while call < calls {
        let sent = Bytes::from(format!("{task}:{call}:{}", "x".repeat(random.random_range(0..200))));
        let command = Command::new(["ECHO".into(), sent.clone()], deadline());
        let mut answer = transport.clone().call(command);
        let polls = if random.random_ratio(1, 3) { random.random_range(0..8) } else { u32::MAX };
        match polled(&mut answer, polls).await {
            None => {
                call += 1;
                seen.dropped.fetch_add(1, Ordering::Relaxed);
            }
            Some(Ok(reply)) => {
                assert_eq!(reply, Reply::Data(sent));
                call += 1;
                seen.answered.fetch_add(1, Ordering::Relaxed);
            }
            Some(Err(err)) => {
                assert!(err.is_temporary(), "{err:?}");
                seen.failed.fetch_add(1, Ordering::Relaxed);
                tokio::task::yield_now().await;
            }
        }
    }
}

fn deadline() -> tokio::time::Instant {
    tokio::time::Instant::now() + Duration::from_secs(20)
}

/// Polls a future at most so often, and lets others run between two polls.
async fn polled<F: Future + Unpin>(mut future: F, mut polls: u32) -> Option<F::Output> {
    poll_fn(|cx| {
        if polls == 0 {
            return Poll::Ready(None);
        }
        if polls < u32::MAX {
            polls -= 1;
            cx.waker().wake_by_ref();
        }
        Pin::new(&mut future).poll(cx).map(Some)
    })
    .await
}

async fn storm(transport: &RedisTransport, calls: u64) -> Arc<Seen> {
    let seen = Arc::new(Seen::default());
    let tasks: Vec<_> = (0..TASKS)
        .map(|task| tokio::spawn(caller(transport.clone(), task, calls / TASKS, Arc::clone(&seen))))
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    seen
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dropped_calls_leave_their_replies_to_nobody() {
    let Some(server) = Server::start() else { return };
    let transport = RedisConfig::new(server.url()).transport().unwrap();
    let start = Instant::now();

    let seen = storm(&transport, calls()).await;

    println!("{seen:?} of {} calls in {:?}: no reply went to another call", calls(), start.elapsed());
    assert_eq!(seen.failed.load(Ordering::Relaxed), 0);
    assert!(seen.dropped.load(Ordering::Relaxed) > 0 && seen.answered.load(Ordering::Relaxed) > 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_that_are_cut_leave_no_reply_to_the_next_one() {
    let Some(server) = Server::start() else { return };
    let proxy = Proxy::start(server.address()).await;
    proxy.set(Fault::Chunks(700));
    let transport = RedisConfig::new(proxy.url()).transport().unwrap();

    let storm = storm(&transport, calls() / 4);
    tokio::pin!(storm);
    let mut cuts = 0;
    let seen = loop {
        tokio::select! {
            seen = &mut storm => break seen,
            () = tokio::time::sleep(Duration::from_millis(30)) => {
                proxy.cut();
                cuts += 1;
            }
        }
    };

    println!("{seen:?} with {cuts} cuts: no reply went to another call");
    assert!(cuts > 0 && seen.answered.load(Ordering::Relaxed) > 0);
}
