//! A server that is gone, silent or foreign costs an error within the deadline, and no more.
#![cfg(feature = "conformance")]

use std::time::{Duration, Instant};

use maily_errors::{Code, Kind};
use maily_redis::{Key, ServerStore, Store as _};
use maily_store_redis::testing::Server;
use maily_store_redis::{RedisConfig, RedisTransport};

const TIMEOUT: Duration = Duration::from_millis(300);

/// What a machine with much else to do may add to a deadline.
const SLACK: Duration = Duration::from_secs(5);

fn store(url: String) -> ServerStore<RedisTransport> {
    let mut config = RedisConfig::new(url);
    config.timeout_ms = 300;
    config.build().expect("valid settings")
}

/// Calls until it works again, at most ten seconds.
async fn recovers(store: &ServerStore<RedisTransport>) {
    let start = Instant::now();
    while let Err(err) = store.ping().await {
        assert!(err.is_temporary(), "{err}");
        assert!(start.elapsed() < Duration::from_secs(10), "{err}");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn killed_server_costs_an_error_within_the_deadline_and_comes_back() {
    let Some(server) = Server::start() else { return };
    let store = store(server.url());
    let key = Key::new("k").unwrap();
    store.set(&key, "v".into(), None).await.unwrap();
    store.increment(&Key::new("n").unwrap(), 1, None).await.unwrap();

    server.kill();
    for _ in 0..3 {
        let start = Instant::now();
        let err = store.get(&key).await.unwrap_err();
        assert!(err.is_temporary(), "{err}");
        assert!(matches!(err.kind(), Kind::Unavailable | Kind::Timeout), "{err}");
        assert!(start.elapsed() < TIMEOUT + SLACK);
    }
    server.restart();
    recovers(&store).await;

    assert_eq!(store.get(&key).await.unwrap(), None);
    // The new process does not know the scripts.
    assert_eq!(store.increment(&key, 2, None).await.unwrap(), 2);
}

#[tokio::test]
async fn silent_server_costs_the_deadline_and_every_reply_finds_its_call_afterwards() {
    let Some(server) = Server::start() else { return };
    let store = store(server.url());
    let [one, two] = ["one", "two"].map(|name| Key::new(name).unwrap());
    store.set(&one, "1".into(), None).await.unwrap();
    store.set(&two, "2".into(), None).await.unwrap();

    server.signal("STOP");
    for _ in 0..2 {
        let start = Instant::now();
        assert_eq!(store.get(&one).await.unwrap_err().code(), Code::Timeout);
        assert!(start.elapsed() >= TIMEOUT && start.elapsed() < TIMEOUT + SLACK);
    }
    server.signal("CONT");
    recovers(&store).await;

    assert_eq!(store.get(&two).await.unwrap(), Some("2".into()));
    assert_eq!(store.get(&one).await.unwrap(), Some("1".into()));
}

#[tokio::test]
async fn connection_that_swallows_everything_is_replaced() {
    let Some(server) = Server::start() else { return };
    let store = store(server.url());
    store.ping().await.unwrap();

    server.signal("STOP");
    for _ in 0..4 {
        assert_eq!(store.ping().await.unwrap_err().code(), Code::Timeout);
    }
    server.signal("CONT");

    recovers(&store).await;
}

#[tokio::test]
async fn lost_scripts_are_sent_again() {
    let Some(server) = Server::start() else { return };
    let store = store(server.url());
    let key = Key::new("n").unwrap();
    store.increment(&key, 1, None).await.unwrap();

    server.ask(&["SCRIPT", "FLUSH"]).unwrap();

    assert_eq!(store.increment(&key, 1, None).await.unwrap(), 2);
    // Known by its hash from now on: the script was not only run, it was kept.
    let stats = server.text(&["INFO", "errorstats"]);
    assert!(stats.contains("errorstat_NOSCRIPT"), "{stats}");
    let before = stats;
    store.increment(&key, 1, None).await.unwrap();
    let after = server.text(&["INFO", "errorstats"]);
    assert_eq!(before, after);
}

#[tokio::test]
async fn server_that_asks_for_a_password_is_named() {
    let Some(server) = Server::start() else { return };
    server.ask(&["CONFIG", "SET", "requirepass", "hunter2"]).unwrap();
    let address = server.url().replace("redis://", "");

    let wrong = store(format!("redis://:wrong@{address}")).ping().await.unwrap_err();
    let none = store(format!("redis://{address}")).ping().await.unwrap_err();
    let right = store(format!("redis://:hunter2@{address}")).ping().await;

    assert_eq!(wrong.code(), Code::RedisPasswordRefused);
    assert_eq!(none.code(), Code::RedisPasswordRefused);
    assert!(right.is_ok());
}

#[tokio::test]
async fn server_that_has_as_many_clients_as_it_may_is_one_to_come_back_to() {
    let Some(server) = Server::start() else { return };
    let (first, second) = (store(server.url()), store(server.url()));
    first.ping().await.unwrap();
    server.ask(&["CONFIG", "SET", "maxclients", "1"]).unwrap();

    let full = second.ping().await.unwrap_err();

    assert_eq!((full.code(), full.is_temporary()), (Code::RedisUnreachable, true), "{full}");
    first.ping().await.unwrap();
}

#[tokio::test]
async fn value_of_another_type_is_named() {
    let Some(server) = Server::start() else { return };
    let store = store(server.url());
    server.ask(&["RPUSH", "list", "a"]).unwrap();
    let key = Key::new("list").unwrap();

    assert_eq!(store.get(&key).await.unwrap_err().code(), Code::RedisWrongType);
    assert_eq!(store.increment(&key, 1, None).await.unwrap_err().code(), Code::RedisWrongType);
}

#[tokio::test]
async fn nobody_at_the_address_is_an_error_at_once() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("redis://{}", free.local_addr().unwrap());
    drop(free);

    let err = store(url).ping().await.unwrap_err();

    assert_eq!(err.code(), Code::RedisUnreachable);
    assert_eq!(err.operation(), Some("store_redis::connect"));
}

#[tokio::test]
async fn server_that_speaks_another_protocol_is_an_error() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("redis://{}", listener.local_addr().unwrap());
    let foreign = async {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let _ =
                tokio::io::AsyncWriteExt::write_all(&mut stream, b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
        }
    };

    let err = tokio::select! {
        () = foreign => unreachable!("it never ends"),
        result = async { store(url).ping().await } => result.unwrap_err(),
    };

    assert_eq!(err.code(), Code::RedisProtocol);
}

#[test]
fn url_that_cannot_be_read_is_refused_without_quoting_it() {
    for url in ["", "localhost", "http://:hunter2@host", "redis://:hunter2@host:port"] {
        let err = RedisConfig::new(url).build().unwrap_err();

        assert_eq!(err.code(), Code::ConfigInvalid, "{url}");
        assert!(!format!("{err:?}").contains("hunter2"), "{err:?}");
    }
}

#[test]
fn time_out_of_its_range_is_refused_and_the_edge_is_not() {
    type Set = fn(&mut RedisConfig, u64);
    let times: [(Set, &[u64], &[u64]); 3] = [
        (|config, value| config.connect_timeout_ms = value, &[1, 60_000], &[0, 60_001]),
        (|config, value| config.silence_ms = value, &[100, 60_000], &[99, 60_001]),
        (|config, value| config.busy_poll_us = value, &[0, 1000], &[1001]),
    ];
    let refused = |set: Set, value| {
        let mut config = RedisConfig::new("redis://127.0.0.1:1");
        set(&mut config, value);
        config.build().is_err_and(|err| err.code() == Code::ConfigInvalid)
    };
    for (set, within, beyond) in times {
        assert!(!within.iter().any(|value| refused(set, *value)));
        assert!(beyond.iter().all(|value| refused(set, *value)));
    }
}
