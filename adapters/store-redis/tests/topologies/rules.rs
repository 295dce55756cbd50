//! What holds on every cluster, with TLS and without.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use maily_redis::{Event, Key, Listen as _, Reply, Store as _};
use maily_store_redis::RedisConfig;
use maily_store_redis::testing::{Cluster, Server};
use tokio::runtime::Handle;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::{block_in_place, spawn_blocking};

use crate::support::{call, ear, epoch, patient, until};

/// Counters lose no step while their slot goes to another master and comes back.
pub(crate) async fn slot_moves_under_counters(cluster: &Arc<Cluster>, config: &RedisConfig) {
    let store = patient(config);
    let slot = cluster.slot("{tag}");
    let counters: Vec<Key> = (0..40).map(|number| Key::new(format!("{{tag}}{number}")).unwrap()).collect();
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
    let servers = Arc::clone(cluster);
    let moved = async {
        let there_and_back = move || {
            let home = servers.master_of(slot);
            servers.move_slot(slot, other_master(&servers, slot), || ());
            servers.move_slot(slot, home, || ());
        };
        spawn_blocking(there_and_back).await.unwrap();
        stop.store(true, Ordering::Relaxed);
    };

    let (rounds, ()) = tokio::join!(count, moved);

    println!("a slot moved twice under {rounds} rounds of 40 counters");
    for key in &counters {
        assert_eq!(store.get(key).await.unwrap(), Some(rounds.to_string().into()));
        store.remove(key).await.unwrap();
    }
}

/// Keys of a slot of which half is elsewhere already are found, and new ones are made where it goes.
pub(crate) async fn key_is_on_its_way(cluster: &Cluster, config: &RedisConfig) {
    let transport = config.transport().unwrap();
    let slot = cluster.slot("{way}");
    for number in 0..10 {
        call(&transport, &["SET", &format!("{{way}}{number}"), &number.to_string()]).await;
    }
    let to = other_master(cluster, slot);
    let handle = Handle::current();

    block_in_place(|| {
        cluster.move_slot(slot, to, || {
            // Half of the keys are there, half are still here, and new ones are made there.
            handle.block_on(async {
                for number in 0..10 {
                    let got = call(&transport, &["GET", &format!("{{way}}{number}")]).await;
                    assert_eq!(got, Reply::Data(number.to_string().into()), "{number}");
                }
                call(&transport, &["SET", "{way}new", "v"]).await;
                assert!(epoch(&transport, "{way}new").await > 0);
            });
        });
    });

    assert_eq!(call(&transport, &["GET", "{way}new"]).await, Reply::Data("v".into()));
    assert_eq!(cluster.master_of(slot).address(), to.address());
}

/// A channel is lost and heard again when its slot moves, and when the master of the slot is killed.
pub(crate) async fn channel_is_heard_again(cluster: &Arc<Cluster>, config: &RedisConfig) {
    let transport = config.transport().unwrap();
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

    let servers = Arc::clone(cluster);
    let start = Instant::now();
    let move_away = move || servers.move_slot(slot, other_master(&servers, slot), || ());
    spawn_blocking(move_away).await.unwrap();
    assert_eq!(until(&mut events, &Event::Listening).await, [Event::Lost, Event::Listening]);
    println!("slot moved: the channel is heard again after {:?}", start.elapsed());
    hears(&mut events, "after the move").await;

    let servers = Arc::clone(cluster);
    let start = Instant::now();
    spawn_blocking(move || assert!(servers.kill_master(slot).is_up())).await.unwrap();
    assert_eq!(until(&mut events, &Event::Listening).await, [Event::Lost, Event::Listening]);
    println!("master killed: the channel is heard again after {:?}", start.elapsed());
    hears(&mut events, "after the failover").await;
}

/// What was read on a master that is killed is lost, and changes are heard again from the next one.
pub(crate) async fn reads_are_watched_again(cluster: &Arc<Cluster>, config: &RedisConfig) {
    let transport = config.transport().unwrap();
    let (listener, mut events) = ear();
    let watched = transport.watch(listener);
    assert_eq!(until(&mut events, &Event::Listening).await, [Event::Listening]);
    let slot = cluster.slot("k");

    let servers = Arc::clone(cluster);
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

/// Returns a master that does not have the slot.
fn other_master(cluster: &Cluster, slot: u16) -> &Server {
    let home = cluster.master_of(slot).address();
    let is_master = |node: &&Server| node.info(&["INFO", "replication"], "role") == "master";
    cluster.nodes().iter().find(|node| node.address() != home && is_master(node)).expect("three masters")
}
