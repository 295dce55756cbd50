//! A network that cuts, swallows, delays and chops, and servers that are none.
#![cfg(feature = "conformance")]
#![expect(clippy::unwrap_used, reason = "these are tests: what fails panics")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use maily_errors::{Code, Error, Kind, Result};
use maily_redis::{Command, Event, Listen as _, Reply};
use maily_store_redis::testing::{Fault, Proxy, Server};
use maily_store_redis::{RedisConfig, RedisTransport};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::time::timeout;
use tower::{Service as _, ServiceExt as _};

/// What a machine with much else to do may add.
const SLACK: Duration = Duration::from_secs(4);

const SILENCE: Duration = Duration::from_millis(400);

fn transport(url: &str) -> RedisTransport {
    let mut config = RedisConfig::new(url);
    config.silence_ms = SILENCE.as_millis() as u64;
    config.transport().unwrap()
}

async fn call(transport: &RedisTransport, words: &[&str], limit: Duration) -> Result<Reply> {
    let words = words.iter().map(|word| Bytes::copy_from_slice(word.as_bytes()));
    transport.clone().oneshot(Command::new(words, tokio::time::Instant::now() + limit).with_key(1)).await
}

async fn recovers(transport: &RedisTransport) {
    let start = Instant::now();
    while let Err(err) = call(transport, &["PING"], SLACK).await {
        assert!(err.is_temporary(), "{err:?}");
        assert!(start.elapsed() < Duration::from_secs(15), "{err:?}");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn half_open_link_costs_each_call_its_deadline_and_is_replaced() {
    let Some(server) = Server::start() else { return };
    let proxy = Proxy::start(server.address()).await;
    let transport = transport(&proxy.url());
    recovers(&transport).await;

    proxy.set(Fault::Silence);
    let start = Instant::now();
    let limit = Duration::from_millis(100);
    let err = call(&transport, &["PING"], limit).await.unwrap_err();
    assert_eq!(err.kind(), Kind::Timeout);
    assert!(start.elapsed() >= limit && start.elapsed() < limit + SLACK, "{:?}", start.elapsed());

    // A patient call learns that the link is dead before its deadline.
    let err = call(&transport, &["PING"], Duration::from_secs(60)).await.unwrap_err();
    assert_eq!(err.code(), Code::RedisUnreachable, "{err:?}");
    println!("the dead link was seen after {:?}", start.elapsed());
    assert!(start.elapsed() < SILENCE + SLACK, "{:?}", start.elapsed());

    proxy.set(Fault::None);
    recovers(&transport).await;
}

#[tokio::test]
async fn stuck_write_keeps_the_deadlines() {
    let Some(server) = Server::start() else { return };
    let transport = transport(&server.url());
    recovers(&transport).await;
    server.pause();

    // More than the sockets hold, so that the write itself hangs.
    let large = "x".repeat(32 * 1024 * 1024);
    let limit = Duration::from_millis(150);
    let start = Instant::now();
    let set = ["SET", "large", &large];
    let (one, two) = tokio::join!(call(&transport, &set, limit), call(&transport, &["PING"], limit));

    assert_eq!(one.unwrap_err().kind(), Kind::Timeout);
    assert_eq!(two.unwrap_err().kind(), Kind::Timeout);
    assert!(start.elapsed() < limit + SLACK, "{:?}", start.elapsed());
    server.resume();
    recovers(&transport).await;
}

#[tokio::test]
async fn replies_in_single_bytes_are_whole() {
    let Some(server) = Server::start() else { return };
    let proxy = Proxy::start(server.address()).await;
    proxy.set(Fault::Chunks(1));
    let transport = transport(&proxy.url());
    let sent = "value\r\n$3\r\n".repeat(20);

    call(&transport, &["SET", "chopped", &sent], SLACK).await.unwrap();

    assert_eq!(call(&transport, &["GET", "chopped"], SLACK).await.unwrap(), Reply::Data(sent.into()));
}

#[tokio::test]
async fn reset_link_is_an_error_at_once() {
    let Some(server) = Server::start() else { return };
    let proxy = Proxy::start(server.address()).await;
    let transport = transport(&proxy.url());
    recovers(&transport).await;

    proxy.set(Fault::Reset);
    let start = Instant::now();
    let err = call(&transport, &["PING"], Duration::from_secs(60)).await.unwrap_err();

    assert_eq!(err.code(), Code::RedisUnreachable);
    assert!(start.elapsed() < SLACK, "{:?}", start.elapsed());
    proxy.set(Fault::None);
    recovers(&transport).await;
}

#[tokio::test]
async fn more_than_the_limit_of_calls_is_refused_without_being_sent() {
    let Some(server) = Server::start() else { return };
    // Nothing is replaced meanwhile: only the number of calls counts.
    let mut config = RedisConfig::new(server.url());
    config.silence_ms = 60_000;
    let transport = config.transport().unwrap();
    recovers(&transport).await;
    server.pause();

    let mut calls = Vec::new();
    let deadline = tokio::time::Instant::now() + Duration::from_secs(60);
    for _ in 0..65_536 {
        let mut call = Box::pin(transport.clone().call(Command::new(["PING".into()], deadline)));
        assert!(futures_util::poll!(call.as_mut()).is_pending());
        calls.push(call);
    }
    let err = call(&transport, &["PING"], Duration::from_secs(60)).await.unwrap_err();

    assert_eq!(err.code(), Code::RedisBusy);
    server.resume();
    for call in calls {
        assert!(call.await.is_ok());
    }
}

fn ear() -> (maily_redis::Listener, UnboundedReceiver<Event>) {
    let (sender, receiver) = unbounded_channel();
    (Arc::new(move |event| drop(sender.send(event))), receiver)
}

async fn next(events: &mut UnboundedReceiver<Event>) -> Event {
    timeout(SILENCE + Duration::from_secs(15), events.recv()).await.expect("an event in time").unwrap()
}

#[tokio::test]
async fn listeners_hear_of_a_dead_link_within_the_silence_and_of_its_return() {
    let Some(server) = Server::start() else { return };
    let proxy = Proxy::start(server.address()).await;
    let transport = transport(&proxy.url());
    let (listener, mut watched) = ear();
    let _watching = transport.watch(listener);
    let (listener, mut heard) = ear();
    let _subscription = transport.subscribe("news".into(), listener);
    for events in [&mut watched, &mut heard] {
        assert_eq!(next(events).await, Event::Listening);
    }

    for fault in [Fault::Silence, Fault::Reset] {
        let start = Instant::now();
        proxy.set(fault);
        for events in [&mut watched, &mut heard] {
            assert_eq!(next(events).await, Event::Lost);
        }
        println!("{fault:?} was heard after {:?}", start.elapsed());
        assert!(start.elapsed() < SILENCE + SLACK, "{:?}", start.elapsed());

        proxy.set(Fault::None);
        for events in [&mut watched, &mut heard] {
            assert_eq!(next(events).await, Event::Listening);
        }
    }
    server.ask(&["SPUBLISH", "news", "back"]).unwrap();
    let message = Event::Message { channel: "news".into(), payload: "back".into() };
    assert_eq!(next(&mut heard).await, message);
}

#[tokio::test]
async fn listener_without_a_server_hears_that_first() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let transport = transport(&format!("redis://{}", free.local_addr().unwrap()));
    drop(free);
    let (listener, mut watched) = ear();
    let _watching = transport.watch(listener);
    assert_eq!(next(&mut watched).await, Event::Lost);

    let (listener, mut first) = ear();
    let _first = transport.subscribe("news".into(), listener);
    assert_eq!(next(&mut first).await, Event::Lost);
    let (listener, mut second) = ear();
    let _second = transport.subscribe("news".into(), listener);
    assert_eq!(next(&mut second).await, Event::Lost);
}

/// Says this to whoever connects, once it has heard something, and again for each thing heard.
async fn foreigner(says: Vec<u8>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("redis://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let says = says.clone();
            tokio::spawn(async move {
                let mut heard = [0; 4096];
                while stream.read(&mut heard).await.is_ok_and(|count| count > 0) {
                    if stream.write_all(&says).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    url
}

#[tokio::test]
async fn servers_that_speak_something_else_are_named() {
    let hello = b"%1\r\n$5\r\nproto\r\n:3\r\n";
    let six = b"%3\r\n$6\r\nserver\r\n$5\r\nredis\r\n$7\r\nversion\r\n$6\r\n6.2.14\r\n$4\r\nmode\r\n$10\r\nstandalone\r\n";
    let cases: [(&str, Vec<u8>); 8] = [
        ("HTTP", b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec()),
        ("TLS", b"\x15\x03\x01\x00\x02\x02\x0a".to_vec()),
        ("a huge string", b"$9999999999\r\n".to_vec()),
        ("a huge list", b"*2147483647\r\n".to_vec()),
        ("a thousand lists", b"*1\r\n".repeat(1000)),
        ("an old server", b"-ERR unknown command 'HELLO'\r\n".to_vec()),
        ("Redis 6, which knows RESP3", six.to_vec()),
        ("an answer too much", [hello as &[u8], b":1\r\n"].concat()),
    ];
    for (name, says) in cases {
        let transport = transport(&foreigner(says).await);

        let err: Error = call(&transport, &["PING"], SLACK).await.unwrap_err();

        assert_eq!(err.code(), Code::RedisProtocol, "{name}: {err:?}");
        assert!(!err.is_temporary(), "{name}");
    }
}

#[tokio::test]
async fn server_that_hangs_up_at_the_first_word_may_want_tls() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let transport = transport(&format!("redis://{}", listener.local_addr().unwrap()));
    tokio::spawn(async move { while listener.accept().await.is_ok() {} });

    let err = call(&transport, &["PING"], SLACK).await.unwrap_err();

    assert_eq!(err.code(), Code::RedisUnreachable, "{err:?}");
    assert!(err.message().contains("rediss"), "{err:?}");
}

#[tokio::test]
async fn database_that_the_server_does_not_have_is_a_wrong_setting() {
    let Some(server) = Server::start() else { return };

    let err = call(&transport(&format!("{}/99", server.url())), &["PING"], SLACK).await.unwrap_err();

    assert_eq!(err.code(), Code::ConfigInvalid, "{err:?}");
}

#[tokio::test]
async fn server_alone_is_no_sentinel_and_no_node_of_a_cluster() {
    let Some(server) = Server::start() else { return };
    for (kind, rest) in [("sentinel", "/main"), ("cluster", "")] {
        let url = format!("{}{rest}", server.url().replace("redis://", &format!("redis+{kind}://")));

        let err = call(&transport(&url), &["PING"], SLACK).await.unwrap_err();

        assert_eq!(err.code(), Code::RedisProtocol, "{err:?}");
        assert!(err.message().contains(kind), "{err:?}");
    }
}

#[tokio::test]
async fn call_behind_a_write_that_is_stuck_keeps_its_deadline() {
    let Some(server) = Server::start() else { return };
    let mut config = RedisConfig::new(server.url());
    // Not the end of the connection is to answer the call.
    config.silence_ms = 60_000;
    let transport = config.transport().unwrap();
    recovers(&transport).await;

    server.signal("STOP");
    let limit = Duration::from_millis(100);
    let large = "x".repeat(32 * 1024 * 1024);
    let stuck = call(&transport, &["SET", "large", &large], limit).await.unwrap_err();
    let start = Instant::now();
    let behind = timeout(Duration::from_secs(20), call(&transport, &["PING"], limit)).await;
    server.signal("CONT");

    assert_eq!(stuck.kind(), Kind::Timeout);
    assert_eq!(behind.expect("an answer in time").unwrap_err().kind(), Kind::Timeout);
    assert!(start.elapsed() < limit + SLACK, "{:?}", start.elapsed());
    recovers(&transport).await;
}

#[tokio::test]
async fn server_that_quotes_the_password_does_not_spread_it() {
    let says = b"-ERR unknown command 'HELLO', with args beginning with: '3' 'AUTH' 'ada' 'hunter2'\r\n";
    let url = foreigner(says.to_vec()).await.replace("redis://", "redis://ada:hunter2@");

    let err = call(&transport(&url), &["PING"], SLACK).await.unwrap_err();

    assert_eq!(err.code(), Code::RedisProtocol);
    assert!(!format!("{err:?} {err}").contains("hunter2"), "{err:?}");
}

/// Confirms both channels on the first connection, which it then closes, and one of them on each that follows.
async fn fickle(connections: Arc<AtomicUsize>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("redis://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let number = connections.fetch_add(1, Ordering::SeqCst);
            let (mut heard, mut asked) = ([0; 4096], String::new());
            assert_ne!(stream.read(&mut heard).await.unwrap(), 0, "a greeting");
            stream.write_all(b"%1\r\n$5\r\nproto\r\n:3\r\n").await.unwrap();
            while asked.matches("SSUBSCRIBE").count() < 2 {
                let count = stream.read(&mut heard).await.unwrap();
                asked.push_str(std::str::from_utf8(&heard[..count]).unwrap());
            }
            let mut channels = ["a", "b"];
            channels.sort_by_key(|channel| asked.find(&format!("$1\r\n{channel}\r\n")));
            for channel in &channels[..if number == 0 { 2 } else { 1 }] {
                let said = format!(">3\r\n$10\r\nssubscribe\r\n$1\r\n{channel}\r\n:1\r\n");
                stream.write_all(said.as_bytes()).await.unwrap();
            }
        }
    });
    url
}

#[tokio::test]
async fn channel_that_is_confirmed_on_a_connection_that_fails_is_not_heard() {
    let connections = Arc::new(AtomicUsize::new(0));
    let transport = transport(&fickle(Arc::clone(&connections)).await);
    let ((first, mut a), (second, mut b)) = (ear(), ear());
    let _subscriptions = [transport.subscribe("a".into(), first), transport.subscribe("b".into(), second)];
    for events in [&mut a, &mut b] {
        assert_eq!(next(events).await, Event::Listening);
        assert_eq!(next(events).await, Event::Lost);
    }

    let start = Instant::now();
    while connections.load(Ordering::SeqCst) < 5 {
        assert!(start.elapsed() < Duration::from_secs(15));
        tokio::task::yield_now().await;
    }

    assert!(a.try_recv().is_err() && b.try_recv().is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn channel_is_heard_that_is_left_and_wanted_at_the_same_time() {
    let Some(server) = Server::start() else { return };
    let transport = transport(&server.url());
    // So that the connection stays.
    let _other = transport.subscribe("other".into(), ear().0);
    for _ in 0..300 {
        let (listener, mut events) = ear();
        let first = transport.subscribe("news".into(), listener);
        assert_eq!(next(&mut events).await, Event::Listening);
        let (listener, mut events) = ear();
        let (adding, runtime) = (transport.clone(), tokio::runtime::Handle::current());
        let added = std::thread::spawn(move || {
            let _runtime = runtime.enter();
            adding.subscribe("news".into(), listener)
        });

        drop(first);

        let _second = added.join().unwrap();
        assert_eq!(next(&mut events).await, Event::Listening);
        server.ask(&["SPUBLISH", "news", "one"]).unwrap();
        assert_eq!(next(&mut events).await, Event::Message { channel: "news".into(), payload: "one".into() });
    }
}
