//! A subscription goes on by itself, and says when it may have missed something.
#![cfg(feature = "conformance")]
#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "the helpers of tests are tests too")]

use std::time::{Duration, Instant};

use maily_errors::Code;
use maily_redis::ServerStore;
use maily_redis::bus::{Bus as _, Channel, Heard, Subscription};
use maily_store_redis::testing::{Fault, Product, Proxy, Server};
use maily_store_redis::{RedisConfig, RedisTransport};
use tokio::time::{sleep, timeout};

/// What a machine with much else to do may need.
const PATIENCE: Duration = Duration::from_secs(60);

fn store(url: String) -> ServerStore<RedisTransport> {
    let mut config = RedisConfig::new(url);
    config.timeout_ms = 500;
    config.build().expect("valid settings")
}

fn number(message: &[u8]) -> u32 {
    u32::from_le_bytes(message.try_into().unwrap())
}

/// Publishes ascending numbers until the server took one; returns the number after it.
async fn publish(store: &ServerStore<RedisTransport>, channel: &Channel, mut next: u32) -> u32 {
    let start = Instant::now();
    loop {
        let sent = store.publish(channel, next.to_le_bytes().to_vec().into()).await;
        next += 1;
        match sent {
            Ok(()) => return next,
            Err(err) => assert!(err.is_temporary() && start.elapsed() < PATIENCE, "{err}"),
        }
        sleep(Duration::from_millis(5)).await;
    }
}

/// What was heard until the number `last`.
#[derive(Debug, Default)]
struct Account {
    messages: u32,
    gaps: u32,
    dropped: u64,
    /// How many numbers are missing where nothing was said.
    silent: u32,
}

/// Hears ascending numbers from `next` on up to `last`, and counts what is missing with and without a word.
async fn account(reader: &mut Subscription, mut next: u32, last: u32) -> Account {
    let (mut account, mut warned) = (Account::default(), false);
    while next <= last {
        match timeout(PATIENCE, reader.recv()).await.expect("nothing is heard any more") {
            Heard::Missed(missed) => {
                account.gaps += u32::from(missed.link_lost);
                account.dropped += missed.dropped;
                warned = true;
            }
            Heard::Message(message) => {
                let heard = number(&message);
                assert!(heard >= next, "{heard} came after {next}: out of order or twice");
                if !warned {
                    account.silent += heard - next;
                }
                (warned, next) = (false, heard + 1);
                account.messages += 1;
            }
        }
    }
    account
}

/// Publishes a few numbers, lets something happen meanwhile, publishes until the reader hears again.
async fn over(
    store: &ServerStore<RedisTransport>,
    reader: &mut Subscription,
    channel: &Channel,
    happens: impl Future<Output = ()>,
) -> Account {
    let mut next = 0;
    let publishing = async {
        for _ in 0..50 {
            next = publish(store, channel, next).await;
        }
        happens.await;
        for _ in 0..50 {
            next = publish(store, channel, next).await;
            sleep(Duration::from_millis(2)).await;
        }
    };
    publishing.await;
    let start = Instant::now();
    while !reader.is_listening() {
        assert!(start.elapsed() < PATIENCE, "it does not listen again");
        sleep(Duration::from_millis(5)).await;
    }
    let again = start.elapsed();
    let last = publish(store, channel, next).await - 1;
    let account = account(reader, 0, last).await;
    println!("{account:?} of {}, listening again {again:.1?} after the last", last + 1);
    account
}

/// Waits until the subscription hears, or does not.
async fn listening(reader: &Subscription, wanted: bool) {
    let start = Instant::now();
    while reader.is_listening() != wanted {
        assert!(start.elapsed() < PATIENCE, "it does not come to be {wanted}");
        sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn channel_that_the_user_may_not_hear_takes_no_other_one_with_it() {
    for product in Product::ALL {
        let Some(server) = Server::start_on(product) else { continue };
        let may = |rights: &[&str]| {
            let words = [&["ACL", "SETUSER", "reader", "on", ">word", "~*", "+@all"], rights].concat();
            server.ask(&words).unwrap();
        };
        may(&["resetchannels", "&a"]);
        let (writer, reader) =
            (store(server.url()), store(server.url().replace("redis://", "redis://reader:word@")));
        let [a, b] = ["a", "b"].map(|name| Channel::new(name).unwrap());
        let mut heard = reader.subscribe(&a, 10).await.unwrap();

        let refused = reader.subscribe(&b, 10).await.unwrap_err();
        assert_eq!(refused.code(), Code::RedisPasswordRefused, "{refused}");
        writer.publish(&a, "1".into()).await.unwrap();
        assert_eq!(heard.recv().await, Heard::Message("1".into()), "nothing befell the other one");

        may(&["&b"]);
        let mut granted = reader.subscribe(&b, 10).await.unwrap();
        // The server closes the connection of a user that loses a channel it hears.
        may(&["resetchannels", "&a"]);
        listening(&granted, false).await;
        listening(&heard, true).await;
        assert!(!granted.is_listening());
        may(&["&b"]);
        listening(&granted, true).await;
        writer.publish(&b, "2".into()).await.unwrap();
        assert!(matches!(granted.recv().await, Heard::Missed(missed) if missed.link_lost));
        assert_eq!(granted.recv().await, Heard::Message("2".into()));
    }
}

#[test]
fn subscription_goes_on_though_the_runtime_of_the_first_one_is_gone() {
    let Some(server) = Server::start() else { return };
    let store = store(server.url());
    let [first, second] = ["first", "second"].map(|name| Channel::new(name).unwrap());
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let kept = runtime().block_on(store.subscribe(&first, 10)).unwrap();

    runtime().block_on(async {
        let mut reader = store.subscribe(&second, 10).await.unwrap();
        store.publish(&second, "1".into()).await.unwrap();

        assert_eq!(timeout(PATIENCE, reader.recv()).await.unwrap(), Heard::Message("1".into()));
        listening(&kept, true).await;
    });
}

#[tokio::test]
async fn subscription_that_is_killed_listens_again_and_says_so() {
    for product in Product::ALL {
        let Some(server) = Server::start_on(product) else { continue };
        let (store, channel) = (store(server.url()), Channel::new("c").unwrap());
        let mut reader = store.subscribe(&channel, 1000).await.unwrap();

        let kill = async {
            server.ask(&["CLIENT", "KILL", "TYPE", "pubsub"]).unwrap();
        };
        let account = over(&store, &mut reader, &channel, kill).await;

        assert_eq!((account.silent, account.dropped), (0, 0));
        assert!(account.gaps >= 1, "nobody was told");
    }
}

#[tokio::test]
async fn subscription_survives_a_restart_of_the_server_and_says_so() {
    let Some(server) = Server::start() else { return };
    let (store, channel) = (store(server.url()), Channel::new("c").unwrap());
    let mut reader = store.subscribe(&channel, 1000).await.unwrap();

    let account = over(&store, &mut reader, &channel, async { server.restart() }).await;

    assert_eq!((account.silent, account.dropped), (0, 0));
    assert!(account.gaps >= 1, "nobody was told");
}

#[tokio::test]
async fn subscription_notices_a_server_that_is_stopped() {
    let Some(server) = Server::start() else { return };
    let (store, channel) = (store(server.url()), Channel::new("c").unwrap());
    let mut reader = store.subscribe(&channel, 1000).await.unwrap();

    server.pause();
    let start = Instant::now();
    while reader.is_listening() {
        assert!(start.elapsed() < PATIENCE, "it believes that it hears");
        sleep(Duration::from_millis(10)).await;
    }
    println!("a stopped server was noticed after {:.1?}", start.elapsed());
    let account = over(&store, &mut reader, &channel, async {});
    // The first numbers are published while the server is stopped: they fail until it goes on.
    let resumed = async {
        sleep(Duration::from_millis(200)).await;
        server.resume();
    };
    let (account, ()) = tokio::join!(account, resumed);

    assert_eq!((account.silent, account.dropped), (0, 0));
    assert!(account.gaps >= 1, "nobody was told");
}

#[tokio::test]
async fn subscription_notices_a_network_that_swallows_everything() {
    let Some(server) = Server::start() else { return };
    let proxy = Proxy::start(server.address()).await;
    let (near, far) = (store(server.url()), store(proxy.url()));
    let channel = Channel::new("c").unwrap();
    let mut reader = far.subscribe(&channel, 1000).await.unwrap();

    let swallow = async {
        proxy.set(Fault::Silence);
        publish(&near, &channel, 1_000_000).await;
        let start = Instant::now();
        while reader.is_listening() {
            assert!(start.elapsed() < PATIENCE, "it believes that it hears");
            sleep(Duration::from_millis(10)).await;
        }
        println!("a silent network was noticed after {:.1?}", start.elapsed());
        proxy.set(Fault::None);
    };
    swallow.await;
    let start = Instant::now();
    while !reader.is_listening() {
        assert!(start.elapsed() < PATIENCE, "it does not listen again");
        sleep(Duration::from_millis(10)).await;
    }
    publish(&near, &channel, 7).await;

    assert!(matches!(reader.recv().await, Heard::Missed(missed) if missed.link_lost));
    assert_eq!(reader.recv().await, Heard::Message(7_u32.to_le_bytes().to_vec().into()));
}

#[tokio::test]
async fn slow_reader_keeps_nobody_and_hears_what_it_missed() {
    let Some(server) = Server::start() else { return };
    let (store, channel) = (store(server.url()), Channel::new("c").unwrap());
    let mut slow = store.subscribe(&channel, 100).await.unwrap();
    let mut quick = store.subscribe(&channel, 65_536).await.unwrap();

    let mut next = 0;
    for _ in 0..5000 {
        next = publish(&store, &channel, next).await;
    }
    let heard = account(&mut quick, 0, next - 1).await;
    let missed = account(&mut slow, 0, next - 1).await;

    println!("quick {heard:?}, slow {missed:?}");
    assert_eq!((heard.messages, heard.silent, heard.dropped), (next, 0, 0));
    assert_eq!((missed.silent, missed.gaps), (0, 0));
    assert_eq!(u64::from(missed.messages) + missed.dropped, u64::from(next));
    assert!(missed.messages <= 200, "{missed:?}");
}
