use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;

use futures_util::future::{BoxFuture, FutureExt as _};
use maily_errors::Result;
use maily_redis::Command;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::yield_now;
use tokio::time::Instant;

use super::*;
use crate::error;
use crate::stream::Address;

const LONG: Duration = Duration::from_secs(60);

/// Options with which an attempt to connect may take a minute.
fn options() -> LinkOptions {
    let connect = Connect {
        user: None,
        password: None,
        database: 0,
        name: "test".to_owned(),
        tls: None,
        timeout: LONG,
    };
    LinkOptions {
        connect: Arc::new(connect),
        silence: None,
        busy_poll: Duration::ZERO,
        listener: None,
        greeting: None,
    }
}

fn ping(link: &Link) -> Call {
    link.call(Command::new([bytes::Bytes::from_static(b"PING")], Instant::now() + LONG))
}

/// A server for a test to play, and a link to it.
async fn played(options: LinkOptions) -> (TcpListener, Link) {
    let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = Address { host: "127.0.0.1".to_owned(), port: server.local_addr().unwrap().port() };
    (server, Link::new(Arc::new(Constant(address)), options))
}

/// Takes a connection and its first words.
async fn greeted(server: &TcpListener) -> TcpStream {
    let (mut stream, _) = server.accept().await.unwrap();
    assert_ne!(stream.read(&mut [0; 4096]).await.unwrap(), 0, "a greeting");
    stream.write_all(b"%1\r\n$5\r\nproto\r\n:3\r\n").await.unwrap();
    stream
}

#[tokio::test]
async fn call_that_waits_for_a_connection_nobody_wants_fails_unsent() {
    let (silent, link) = played(options()).await;
    let call = tokio::spawn(ping(&link));
    let _greeted = silent.accept().await.unwrap();

    link.renew();

    assert!(error::is_unsent(&call.await.unwrap().unwrap_err()));
}

#[tokio::test]
async fn call_that_fails_for_what_befell_another_one_is_unsent() {
    let (server, link) = played(options()).await;
    let closing = tokio::spawn(async move {
        let mut stream = greeted(&server).await;
        assert_ne!(stream.read(&mut [0; 4096]).await.unwrap(), 0, "a command");
    });
    let sent = ping(&link).await.unwrap_err();

    let unsent = ping(&link).await.unwrap_err();

    assert!(!error::is_unsent(&sent) && error::is_unsent(&unsent), "{sent} {unsent}");
    closing.await.unwrap();
}

#[tokio::test]
async fn link_that_is_dropped_gives_its_attempt_to_connect_up() {
    let (silent, link) = played(options()).await;
    link.start();
    let (mut attempt, _) = silent.accept().await.unwrap();
    assert_ne!(attempt.read(&mut [0; 4096]).await.unwrap(), 0, "a greeting");

    drop(link);

    let end = tokio::time::timeout(LONG / 2, attempt.read(&mut [0; 1])).await.expect("it is still open");
    assert_eq!(end.unwrap(), 0);
}

#[tokio::test]
async fn end_of_another_channel_does_not_stand_for_the_end_that_was_asked_for() {
    let said = Arc::new(Mutex::new(Vec::new()));
    let hears = Arc::clone(&said);
    let listener: Arc<dyn Fn(Said) + Send + Sync> = Arc::new(move |said| {
        if let Said::Unsubscribed(channel) = said {
            hears.lock().push(channel);
        }
    });
    let (server, link) = played(LinkOptions { listener: Some(listener), ..options() }).await;
    let serving = tokio::spawn(async move {
        let mut stream = greeted(&server).await;
        for answer in [
            "+PONG\r\n",
            ">3\r\n$12\r\nsunsubscribe\r\n$5\r\nmoved\r\n:1\r\n>3\r\n$12\r\nsunsubscribe\r\n$4\r\ndone\r\n:0\r\n+PONG\r\n",
        ] {
            assert_ne!(stream.read(&mut [0; 4096]).await.unwrap(), 0, "a command");
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
        stream
    });
    ping(&link).await.unwrap();

    link.send(&Command::new(["SUNSUBSCRIBE", "done"].map(|word| word.to_owned().into()), Instant::now()));
    ping(&link).await.unwrap();

    assert_eq!(*said.lock(), ["moved"]);
    drop(serving.await.unwrap());
}

/// Leads nowhere, and counts who asks: ever, now, and at most at one time.
#[derive(Debug, Default)]
struct Nowhere {
    asked: AtomicUsize,
    asking: AtomicUsize,
    most: AtomicUsize,
}

impl Resolve for Nowhere {
    fn resolve(&self) -> BoxFuture<'_, Result<Target>> {
        let asked = async {
            self.asked.fetch_add(1, Ordering::SeqCst);
            let asking = self.asking.fetch_add(1, Ordering::SeqCst) + 1;
            let _asked = Asked(&self.asking);
            self.most.fetch_max(asking, Ordering::SeqCst);
            yield_now().await;
            Err(error::closed())
        };
        asked.boxed()
    }
}

/// A question, until it has an answer or is dropped.
struct Asked<'a>(&'a AtomicUsize);

impl Drop for Asked<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn link_is_connected_by_one_task_however_often_that_ends_and_begins() {
    let nowhere = Arc::new(Nowhere::default());
    let link = Link::new(Arc::clone(&nowhere) as Arc<dyn Resolve>, options());
    let callers = (0..3).map(|_| {
        let (link, nowhere) = (link.clone(), Arc::clone(&nowhere));
        tokio::spawn(async move {
            while nowhere.asked.load(Ordering::SeqCst) < 4_000 {
                ping(&link).await.unwrap_err();
                // So that the task ends at once, and the next call begins another one.
                link.renew();
            }
        })
    });

    for caller in callers.collect::<Vec<_>>() {
        caller.await.unwrap();
    }

    assert_eq!(nowhere.most.load(Ordering::SeqCst), 1);
}

/// Starts so many calls on a link to a server that answers all of them in one breath.
async fn answered_at_once(calls: usize) -> (Link, Vec<Call>) {
    const PING: usize = "*1\r\n$4\r\nPING\r\n".len();
    let (server, link) = played(options()).await;
    tokio::spawn(async move {
        let mut stream = greeted(&server).await;
        stream.read_exact(&mut vec![0; calls * PING]).await.unwrap();
        stream.write_all(&b"+PONG\r\n".repeat(calls)).await.unwrap();
        std::future::pending::<()>().await;
    });
    let calls = (0..calls).map(|_| ping(&link)).collect();
    (link, calls)
}

/// Lets everything that is ready go first.
async fn go_last() {
    let mut gone = false;
    std::future::poll_fn(|cx| {
        cx.waker().wake_by_ref();
        if std::mem::replace(&mut gone, true) { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}

#[tokio::test]
async fn callers_have_their_turn_before_more_replies_are_handed_out() {
    for (asked, part) in [(100, 32), (200, 64)] {
        let answered = Arc::new(AtomicUsize::new(0));
        let (_link, calls) = answered_at_once(asked).await;
        let callers = calls.into_iter().map(|call| {
            let answered = Arc::clone(&answered);
            tokio::spawn(async move {
                call.await.unwrap();
                let first = answered.fetch_add(1, Ordering::SeqCst) == 0;
                go_last().await;
                first.then(|| answered.load(Ordering::SeqCst))
            })
        });

        let mut seen = Vec::new();
        for caller in callers.collect::<Vec<_>>() {
            seen.extend(caller.await.unwrap());
        }

        assert_eq!(seen, [part], "answered when the first of them had its next turn");
    }
}

#[tokio::test]
async fn replies_that_have_arrived_are_handed_out_though_the_connection_ends() {
    let (link, calls) = answered_at_once(100).await;
    let callers = calls.into_iter().map(|call| {
        let link = link.clone();
        tokio::spawn(async move {
            let reply = call.await;
            link.renew();
            reply
        })
    });

    for caller in callers.collect::<Vec<_>>() {
        caller.await.unwrap().unwrap();
    }
}
