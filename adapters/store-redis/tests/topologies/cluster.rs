//! A store on a cluster reaches every key through every failover and every move of a slot.

use std::env;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use maily_errors::Code;
use maily_redis::bus::{Bus as _, Channel, Heard, Subscription};
use maily_redis::{Key, Reply, Store as _};
use maily_store_redis::RedisTransport;
use maily_store_redis::testing::{Cluster, Product};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use tokio::task::spawn_blocking;
use tokio::time::sleep;

use crate::rules;
use crate::support::{SLACK, TIMEOUT, call, config, epoch, patient};

/// How long a node says nothing before the others call it down.
const NODE_TIMEOUT: Duration = Duration::from_secs(2);

/// The same where nothing fails: a loaded machine is no reason to vote.
const LONG_NODE_TIMEOUT: Duration = Duration::from_secs(15);

async fn start(product: Product) -> Option<Arc<Cluster>> {
    start_with(product, NODE_TIMEOUT).await
}

async fn start_with(product: Product, node_timeout: Duration) -> Option<Arc<Cluster>> {
    spawn_blocking(move || Cluster::start_on(product, node_timeout).map(Arc::new)).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_key_is_reached_and_other_masters_work_while_one_is_down() {
    let Some(cluster) = start(Product::Redis7).await else { return };
    let store = patient(&config(cluster.url()));
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
        let Some(cluster) = start_with(product, LONG_NODE_TIMEOUT).await else { continue };
        rules::slot_moves_under_counters(&cluster, &config(cluster.url())).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn key_on_its_way_is_asked_for_where_it_goes() {
    let Some(cluster) = start_with(Product::Redis7, LONG_NODE_TIMEOUT).await else { return };
    rules::key_is_on_its_way(&cluster, &config(cluster.url())).await;
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
        sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn channel_is_heard_again_after_a_move_and_after_a_failover() {
    let Some(cluster) = start(Product::Redis7).await else { return };
    rules::channel_is_heard_again(&cluster, &config(cluster.url())).await;
}

/// Waits until the subscription hears, or does not.
async fn listening(reader: &Subscription, wanted: bool) {
    let start = Instant::now();
    while reader.is_listening() != wanted {
        assert!(start.elapsed() < Duration::from_secs(20), "it does not come to be {wanted}");
        sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn channel_that_the_user_may_not_hear_yet_is_refused_and_heard_later() {
    let Some(cluster) = start_with(Product::Redis7, LONG_NODE_TIMEOUT).await else { return };
    let may = |rights: &[&str]| {
        for node in cluster.nodes() {
            let words = [&["ACL", "SETUSER", "reader", "on", ">word", "~*", "+@all"], rights].concat();
            node.ask(&words).unwrap();
        }
    };
    let store = patient(&config(cluster.url().replace("://", "://reader:word@")));
    let channel = Channel::new("c").unwrap();
    may(&["&c"]);
    let mut reader = store.subscribe(&channel, 10).await.unwrap();

    may(&["resetchannels"]);
    listening(&reader, false).await;
    let refused = store.subscribe(&channel, 10).await.unwrap_err();
    may(&["&c"]);
    listening(&reader, true).await;

    assert_eq!(refused.code(), Code::RedisPasswordRefused, "{refused}");
    store.publish(&channel, "1".into()).await.unwrap();
    assert!(matches!(reader.recv().await, Heard::Missed(_)));
    assert_eq!(reader.recv().await, Heard::Message("1".into()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn watched_reads_are_lost_with_their_node_and_watched_again_on_the_next() {
    let Some(cluster) = start(Product::Redis7).await else { return };
    rules::reads_are_watched_again(&cluster, &config(cluster.url())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_seed_is_enough_and_none_is_an_error_at_once() {
    let Some(cluster) = start(Product::Valkey9).await else { return };
    let known = cluster.nodes()[0].address();
    let url = format!("redis+cluster://127.0.0.1:1,127.0.0.1:2,{known}");
    patient(&config(url)).set(&Key::new("k").unwrap(), "v".into(), None).await.unwrap();

    let start = Instant::now();
    let err = config("redis+cluster://127.0.0.1:1".to_owned()).build().unwrap().ping().await.unwrap_err();

    assert_eq!(err.code(), Code::RedisUnreachable, "{err:?}");
    assert!(start.elapsed() < TIMEOUT + SLACK);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_end_in_time_while_every_node_is_stopped() {
    let Some(cluster) = start(Product::Redis7).await else { return };
    let store = config(cluster.url()).build().unwrap();
    patient(&config(cluster.url())).set(&Key::new("k").unwrap(), "v".into(), None).await.unwrap();

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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn first_call_waits_for_nodes_that_take_longer_than_one_look() {
    let Some(cluster) = start_with(Product::Redis7, LONG_NODE_TIMEOUT).await else { return };
    cluster.nodes().iter().for_each(|node| node.pause());
    let store = patient(&config(cluster.url()));
    let call = tokio::spawn(async move { store.set(&Key::new("k").unwrap(), "v".into(), None).await });

    // The fault itself: three looks take as long.
    sleep(Duration::from_secs(3)).await;
    assert!(!call.is_finished());
    cluster.nodes().iter().for_each(|node| node.resume());

    call.await.unwrap().unwrap();
}

/// `MAILY_SOAK=1` takes a minute of it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_only_wait_while_nodes_stop_and_go_on() {
    let Some(cluster) = start_with(Product::Redis7, LONG_NODE_TIMEOUT).await else { return };
    let duration = Duration::from_secs(if env::var_os("MAILY_SOAK").is_some() { 60 } else { 6 });
    let over = Arc::new(AtomicBool::new(false));
    let callers: Vec<_> = (0..16)
        .map(|task| {
            let (config, over) = (config(cluster.url()), Arc::clone(&over));
            tokio::spawn(async move {
                let (mut calls, mut longest) = (0_u32, Duration::ZERO);
                while !over.load(Ordering::Relaxed) {
                    // A new one must find the nodes first.
                    let store = patient(&config);
                    for _ in 0..20 {
                        let key = Key::new(format!("{task}:{calls}")).unwrap();
                        let start = Instant::now();
                        store.set(&key, "v".into(), None).await.unwrap();
                        (calls, longest) = (calls + 1, longest.max(start.elapsed()));
                    }
                }
                (calls, longest)
            })
        })
        .collect();

    let mut random = StdRng::seed_from_u64(7);
    let start = Instant::now();
    while start.elapsed() < duration {
        let share = if random.random_ratio(1, 3) { 1.0 } else { 0.4 };
        let stopped: Vec<_> = cluster.nodes().iter().filter(|_| random.random_bool(share)).collect();
        stopped.iter().for_each(|node| node.pause());
        // The faults themselves, as a machine with too much to do has them.
        sleep(Duration::from_millis(random.random_range(50..1500))).await;
        stopped.iter().for_each(|node| node.resume());
        sleep(Duration::from_millis(random.random_range(20..200))).await;
    }
    over.store(true, Ordering::Relaxed);

    let outcomes: Vec<_> = join_all(callers).await.into_iter().map(Result::unwrap).collect();
    let calls: u32 = outcomes.iter().map(|(calls, _)| calls).sum();
    println!("{calls} calls beside nodes that stop, the longest {:?}", outcomes.iter().map(|it| it.1).max());
}
