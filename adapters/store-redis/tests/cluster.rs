//! A store on a cluster reaches every key through every failover and every move of a slot, on real processes.
#![cfg(feature = "conformance")]
#![expect(
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test that says what it measured"
)]

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::future::join_all;
use maily_errors::Code;
use maily_redis::{Command, Event, Key, Listen as _, Listener, Reply, ServerStore, Store as _};
use maily_store_redis::testing::{Cluster, Product};
use maily_store_redis::{RedisConfig, RedisTransport};
use support::{SLACK, TIMEOUT, config, outage};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::task::{block_in_place, spawn_blocking};
use tower::ServiceExt as _;

/// How long a node says nothing before the others call it down.
const NODE_TIMEOUT: Duration = Duration::from_secs(2);

fn store(cluster: &Cluster) -> ServerStore<RedisTransport> {
    config(cluster.url()).build().unwrap()
}

/// A store for what must work however loaded the machine is.
fn patient(url: String) -> ServerStore<RedisTransport> {
    let mut config = RedisConfig::new(url);
    config.timeout_ms = 20_000;
    config.build().unwrap()
}

async fn start(product: Product) -> Option<Arc<Cluster>> {
    spawn_blocking(move || Cluster::start_on(product, NODE_TIMEOUT).map(Arc::new)).await.unwrap()
}

fn words(words: &[&str]) -> Vec<Bytes> {
    words.iter().map(|word| Bytes::copy_from_slice(word.as_bytes())).collect()
}

fn soon() -> tokio::time::Instant {
    tokio::time::Instant::now() + Duration::from_secs(20)
}

async fn call(transport: &RedisTransport, words: &[&str]) -> Reply {
    transport.clone().oneshot(Command::new(self::words(words), soon()).with_key(1)).await.unwrap()
}

/// Returns the epoch that the transport writes into commands for a key.
async fn epoch(transport: &RedisTransport, key: &str) -> u64 {
    let words = words(&["EVAL", "return ARGV[1]", "1", key, "?"]);
    match transport.clone().oneshot(Command::new(words, soon()).with_key(3).with_epoch(4)).await.unwrap() {
        Reply::Data(epoch) => String::from_utf8_lossy(&epoch).parse().unwrap(),
        other => panic!("{other:?}"),
    }
}

fn ear() -> (Listener, UnboundedReceiver<Event>) {
    let (sender, receiver) = unbounded_channel();
    (Arc::new(move |event| drop(sender.send(event))), receiver)
}

/// Returns the events up to this one, which comes within twenty seconds.
async fn until(events: &mut UnboundedReceiver<Event>, last: &Event) -> Vec<Event> {
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_master_is_left_as_soon_as_there_is_another() {
    for product in Product::ALL {
        let Some(cluster) = start(product).await else { continue };
        let store = store(&cluster);

        let outage = outage(&store, "k", &cluster, |cluster| {
            assert!(cluster.kill_master(cluster.slot("k")).is_up());
        });

        outage.await.assert_bar(&format!("master killed, {product:?}"), NODE_TIMEOUT);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stopped_master_is_left_as_soon_as_there_is_another() {
    for product in Product::ALL {
        let Some(cluster) = start(product).await else { continue };
        let store = store(&cluster);

        let outage = outage(&store, "k", &cluster, |cluster| {
            let old = cluster.master_of(cluster.slot("k"));
            old.pause();
            assert!(cluster.wait_for_another(cluster.slot("k"), old).is_up());
        });

        outage.await.assert_bar(&format!("master stopped, {product:?}"), NODE_TIMEOUT);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_key_is_reached_and_other_masters_work_while_one_is_down() {
    let Some(cluster) = start(Product::Redis7).await else { return };
    let store = patient(cluster.url());
    let keys: Vec<Key> = (0..300).map(|number| Key::new(format!("key:{number}")).unwrap()).collect();
    for outcome in join_all(keys.iter().map(|key| store.set(key, "v".into(), None))).await {
        outcome.unwrap();
    }
    let down = cluster.master_of(cluster.slot("key:0"));
    let others: Vec<&Key> = keys
        .iter()
        .filter(|key| cluster.master_of(cluster.slot(&key.to_string())).address() != down.address())
        .take(20)
        .collect();

    down.kill();

    for key in others {
        assert_eq!(store.get(key).await.unwrap(), Some("v".into()), "{key}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slot_that_moves_loses_no_key_and_no_step() {
    for product in Product::ALL {
        let Some(cluster) = start(product).await else { continue };
        let store = patient(cluster.url());
        let slot = cluster.slot("{tag}");
        let counters: Vec<Key> =
            (0..40).map(|number| Key::new(format!("{{tag}}{number}")).unwrap()).collect();
        for key in &counters {
            store.increment(key, 1, None).await.unwrap();
        }
        let stop = AtomicBool::new(false);
        let count = async {
            let mut rounds = 1_i64;
            while !stop.load(Ordering::Relaxed) || rounds < 20 {
                for sum in join_all(counters.iter().map(|key| store.increment(key, 1, None))).await {
                    assert_eq!(sum.unwrap(), rounds + 1);
                }
                rounds += 1;
            }
            rounds
        };
        let servers = Arc::clone(&cluster);
        let moved = async {
            let there_and_back = move || {
                let home = servers.master_of(slot);
                let other =
                    servers.nodes()[..3].iter().find(|node| node.address() != home.address()).unwrap();
                servers.move_slot(slot, other, || ());
                servers.move_slot(slot, home, || ());
            };
            spawn_blocking(there_and_back).await.unwrap();
            stop.store(true, Ordering::Relaxed);
        };

        let (rounds, ()) = tokio::join!(count, moved);

        println!("{product:?}: a slot moved twice under {rounds} rounds of 40 counters");
        for key in &counters {
            assert_eq!(store.get(key).await.unwrap(), Some(rounds.to_string().into()));
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn key_on_its_way_is_asked_for_where_it_goes() {
    let Some(cluster) = start(Product::Redis7).await else { return };
    let transport = config(cluster.url()).transport().unwrap();
    let slot = cluster.slot("{tag}");
    for number in 0..10 {
        call(&transport, &["SET", &format!("{{tag}}{number}"), &number.to_string()]).await;
    }
    let from = cluster.master_of(slot);
    let to = cluster.nodes()[..3].iter().find(|node| node.address() != from.address()).unwrap();
    let handle = tokio::runtime::Handle::current();

    block_in_place(|| {
        cluster.move_slot(slot, to, || {
            // Half of the keys are there, half are still here, and new ones are made there.
            handle.block_on(async {
                for number in 0..10 {
                    let got = call(&transport, &["GET", &format!("{{tag}}{number}")]).await;
                    assert_eq!(got, Reply::Data(number.to_string().into()), "{number}");
                }
                call(&transport, &["SET", "{tag}new", "v"]).await;
                assert!(epoch(&transport, "{tag}new").await > 0);
            });
        });
    });

    assert_eq!(call(&transport, &["GET", "{tag}new"]).await, Reply::Data("v".into()));
    assert_eq!(cluster.master_of(slot).address(), to.address());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_of_different_slots_in_one_command_are_refused() {
    let Some(cluster) = Cluster::shared() else { return };
    let transport = config(cluster.url()).transport().unwrap();

    let refused = call(&transport, &["MGET", "a", "b"]).await;

    assert!(matches!(refused, Reply::Refused { code, .. } if code == "CROSSSLOT"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn epoch_of_a_slot_rises_with_every_failover_and_every_move() {
    let Some(cluster) = start(Product::Redis7).await else { return };
    let transport = config(cluster.url()).transport().unwrap();
    let slot = cluster.slot("k");
    let first = epoch(&transport, "k").await;

    let servers = Arc::clone(&cluster);
    spawn_blocking(move || assert!(servers.fail_over(slot).is_up())).await.unwrap();
    let second = newer(&transport, first).await;
    let servers = Arc::clone(&cluster);
    let move_away = move || {
        let home = servers.master_of(slot).address();
        let other = servers
            .nodes()
            .iter()
            .find(|node| node.address() != home && node.info(&["INFO", "replication"], "role") == "master");
        servers.move_slot(slot, other.unwrap(), || ());
    };
    spawn_blocking(move_away).await.unwrap();
    newer(&transport, second).await;
}

/// Returns the epoch for the key `k`, once it is newer than this one, within twenty seconds.
async fn newer(transport: &RedisTransport, than: u64) -> u64 {
    let start = Instant::now();
    loop {
        let epoch = epoch(transport, "k").await;
        assert!(epoch >= than, "{epoch} after {than}");
        if epoch > than {
            return epoch;
        }
        assert!(start.elapsed() < Duration::from_secs(20), "{epoch}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn channel_is_heard_again_after_a_move_and_after_a_failover() {
    let Some(cluster) = start(Product::Redis7).await else { return };
    let transport = config(cluster.url()).transport().unwrap();
    let (listener, mut events) = ear();
    let slot = cluster.slot("news");
    let _subscription = transport.subscribe("news".into(), listener);
    until(&mut events, &Event::Listening).await;
    let hears = async |events: &mut UnboundedReceiver<Event>, payload: &str| {
        call(&transport, &["SPUBLISH", "news", payload]).await;
        let message = Event::Message { channel: "news".into(), payload: payload.to_owned().into() };
        until(events, &message).await
    };
    hears(&mut events, "before").await;

    let servers = Arc::clone(&cluster);
    let start = Instant::now();
    let move_away = move || {
        let home = servers.master_of(slot).address();
        let other = servers.nodes()[..3].iter().find(|node| node.address() != home).unwrap();
        servers.move_slot(slot, other, || ());
    };
    spawn_blocking(move_away).await.unwrap();
    assert_eq!(until(&mut events, &Event::Listening).await, [Event::Lost, Event::Listening]);
    println!("slot moved: the channel is heard again after {:?}", start.elapsed());
    hears(&mut events, "after the move").await;

    let servers = Arc::clone(&cluster);
    let start = Instant::now();
    spawn_blocking(move || assert!(servers.kill_master(slot).is_up())).await.unwrap();
    assert_eq!(until(&mut events, &Event::Listening).await, [Event::Lost, Event::Listening]);
    println!("master killed: the channel is heard again after {:?}", start.elapsed());
    hears(&mut events, "after the failover").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn watched_reads_are_lost_with_their_node_and_watched_again_on_the_next() {
    let Some(cluster) = start(Product::Redis7).await else { return };
    let transport = config(cluster.url()).transport().unwrap();
    let (listener, mut events) = ear();
    let watched = transport.watch(listener);
    assert_eq!(until(&mut events, &Event::Listening).await, [Event::Listening]);
    let slot = cluster.slot("k");

    let servers = Arc::clone(&cluster);
    spawn_blocking(move || assert!(servers.kill_master(slot).is_up())).await.unwrap();
    assert!(until(&mut events, &Event::Listening).await.contains(&Event::Lost));

    // A later move of the map may say that it is lost once more.
    let start = Instant::now();
    loop {
        call(&watched, &["GET", "k"]).await;
        call(&transport, &["SET", "k", "v"]).await;
        call(&watched, &["GET", "k"]).await;
        let changed = Event::Changed(Some(vec!["k".into()]));
        if std::iter::from_fn(|| events.try_recv().ok()).any(|event| event == changed) {
            break;
        }
        assert!(start.elapsed() < Duration::from_secs(20), "the change is not heard");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_seed_is_enough_and_none_is_an_error_at_once() {
    let Some(cluster) = start(Product::Valkey9).await else { return };
    let known = cluster.nodes()[0].address();
    let url = format!("redis+cluster://127.0.0.1:1,127.0.0.1:2,{known}");
    patient(url).set(&Key::new("k").unwrap(), "v".into(), None).await.unwrap();

    let start = Instant::now();
    let err = config("redis+cluster://127.0.0.1:1".to_owned()).build().unwrap().ping().await.unwrap_err();

    assert_eq!(err.code(), Code::RedisUnreachable, "{err:?}");
    assert!(start.elapsed() < TIMEOUT + SLACK);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_end_in_time_while_every_node_is_stopped() {
    let Some(cluster) = start(Product::Redis7).await else { return };
    let store = store(&cluster);
    patient(cluster.url()).set(&Key::new("k").unwrap(), "v".into(), None).await.unwrap();

    cluster.nodes().iter().for_each(|node| node.pause());
    for _ in 0..3 {
        let start = Instant::now();
        let err = store.get(&Key::new("k").unwrap()).await.unwrap_err();
        assert!(err.is_temporary(), "{err:?}");
        assert!(start.elapsed() < TIMEOUT + SLACK, "{:?}", start.elapsed());
    }
    cluster.nodes().iter().for_each(|node| node.resume());

    let start = Instant::now();
    while let Err(err) = store.get(&Key::new("k").unwrap()).await {
        assert!(start.elapsed() < Duration::from_secs(30), "{err:?}");
    }
}
