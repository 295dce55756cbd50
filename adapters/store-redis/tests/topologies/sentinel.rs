//! A store behind sentinels follows the master through every failover.

use std::sync::Arc;
use std::time::{Duration, Instant};

use maily_errors::Code;
use maily_redis::{Key, ServerStore, Store as _};
use maily_store_redis::RedisTransport;
use maily_store_redis::testing::{Product, Sentinels};
use tokio::net::TcpListener;

use crate::support::{SLACK, TIMEOUT, config, epoch, liar, outage, patient, recovers};

/// How long a master says nothing before the sentinels of these tests call it down.
const DOWN_AFTER: Duration = Duration::from_secs(1);

fn store(sentinels: &Sentinels) -> ServerStore<RedisTransport> {
    config(sentinels.url()).build().unwrap()
}

async fn start(product: Product) -> Option<Arc<Sentinels>> {
    let start = move || Sentinels::start_on(product, DOWN_AFTER).map(Arc::new);
    tokio::task::spawn_blocking(start).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_master_is_left_as_soon_as_there_is_another() {
    for product in Product::ALL {
        let Some(sentinels) = start(product).await else { continue };
        let store = store(&sentinels);

        let outage =
            outage(&store, "k", &sentinels, |sentinels| assert!(sentinels.kill_master().is_up())).await;

        outage.assert_bar(&format!("master killed, {product:?}"), DOWN_AFTER);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stopped_master_is_left_as_soon_as_there_is_another() {
    let Some(sentinels) = start(Product::Redis7).await else { return };
    let store = store(&sentinels);

    let outage = outage(&store, "k", &sentinels, |sentinels| {
        let old = sentinels.master();
        old.pause();
        assert_ne!(sentinels.wait_for_another(old).address(), old.address());
    });

    outage.await.assert_bar("master stopped", DOWN_AFTER);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connection_moves_at_once_when_a_living_master_hands_over() {
    let Some(sentinels) = start(Product::Redis7).await else { return };
    let store = store(&sentinels);
    let old = sentinels.master().address();

    let outage = outage(&store, "k", &sentinels, |sentinels| {
        let old = sentinels.master();
        // The sentinels refuse while they still settle down from the start.
        while sentinels.sentinels()[0].text(&["SENTINEL", "FAILOVER", Sentinels::MASTER_NAME]) != "OK" {}
        assert_ne!(sentinels.wait_for_another(old).address(), old.address());
    })
    .await;

    outage.assert_bar(&format!("master {old} handed over"), DOWN_AFTER);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn epoch_rises_with_every_failover() {
    let Some(sentinels) = start(Product::Redis7).await else { return };
    let transport = config(sentinels.url()).transport().unwrap();
    let store = config(sentinels.url()).build().unwrap();
    let mut last = epoch(&transport, "k").await;
    assert_eq!(last, sentinels.elected().unwrap().1);

    for round in 0..3 {
        let servers = Arc::clone(&sentinels);
        tokio::task::spawn_blocking(move || assert!(servers.fail_over().is_up())).await.unwrap();
        recovers(&store).await;
        // The other transport may not have called since.
        let start = Instant::now();
        let next = loop {
            let next = epoch(&transport, "k").await;
            if next > last {
                break next;
            }
            assert!(start.elapsed() < Duration::from_secs(5), "round {round}: {next}");
        };
        last = next;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_sentinel_is_enough_to_find_the_master() {
    let Some(sentinels) = start(Product::Redis7).await else { return };
    sentinels.sentinels()[0].kill();
    sentinels.sentinels()[1].pause();
    let start = Instant::now();

    recovers(&store(&sentinels)).await;

    println!("one of three sentinels killed, one stopped: first answer after {:?}", start.elapsed());
    assert!(start.elapsed() < TIMEOUT + SLACK);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn master_that_works_is_used_while_every_sentinel_is_gone() {
    let Some(sentinels) = start(Product::Redis7).await else { return };
    let store = store(&sentinels);
    recovers(&store).await;

    sentinels.sentinels().iter().for_each(|sentinel| sentinel.kill());
    sentinels.servers()[0].ask(&["CLIENT", "KILL", "TYPE", "normal"]).unwrap();

    recovers(&store).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_end_in_time_while_too_few_sentinels_vote_and_recover_when_they_are_back() {
    let Some(sentinels) = start(Product::Redis7).await else { return };
    let store = store(&sentinels);

    let outage = outage(&store, "k", &sentinels, |sentinels| {
        let old = sentinels.master();
        sentinels.sentinels()[..2].iter().for_each(|sentinel| sentinel.pause());
        old.kill();
        // Long enough that they would have agreed.
        std::thread::sleep(2 * DOWN_AFTER);
        sentinels.sentinels()[..2].iter().for_each(|sentinel| sentinel.resume());
        assert_ne!(sentinels.wait_for_another(old).address(), old.address());
    });

    outage.await.assert_bar("master killed, two sentinels stopped for two seconds", DOWN_AFTER);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replica_that_refuses_writes_is_left() {
    let Some(sentinels) = start(Product::Redis7).await else { return };
    let store = store(&sentinels);
    recovers(&store).await;
    let master = sentinels.master();
    let other = sentinels.servers().iter().find(|server| server.address() != master.address()).unwrap();
    let port = other.address().port().to_string();

    master.ask(&["REPLICAOF", "127.0.0.1", &port]).unwrap();
    let refused = store.set(&Key::new("k").unwrap(), "v".into(), None).await.unwrap_err();
    other.ask(&["REPLICAOF", "NO", "ONE"]).unwrap();
    master.ask(&["REPLICAOF", "NO", "ONE"]).unwrap();

    assert!(matches!(refused.code(), Code::RedisUnreachable | Code::RedisNoMaster), "{refused:?}");
    recovers(&store).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sentinel_that_names_another_server_is_not_believed() {
    let Some(sentinels) = start(Product::Redis7).await else { return };
    let replica = sentinels.servers()[1].address();
    let nowhere = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    for (what, named, epoch) in
        [("a replica", replica, 99), ("nobody", nowhere, 99), ("an old master", replica, 0)]
    {
        let liar = liar(named.port(), epoch).await;
        let url = sentinels.url().replace("://", &format!("://{liar},"));
        let store = config(url).build().unwrap();
        let start = Instant::now();

        recovers(&store).await;

        println!("a sentinel lies: it names {what}; first write after {:?}", start.elapsed());
        assert!(start.elapsed() < Duration::from_secs(2) + SLACK, "{what}");
    }
}

#[tokio::test]
async fn name_that_no_sentinel_knows_is_said() {
    let Some(sentinels) = Sentinels::shared() else { return };
    let url = sentinels.url().replace("/maily", "/other");

    let err = config(url).build().unwrap().ping().await.unwrap_err();

    assert_eq!(err.code(), Code::RedisNoMaster, "{err:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn first_call_waits_for_sentinels_that_take_longer_than_one_question() {
    let Some(sentinels) = start(Product::Redis7).await else { return };
    sentinels.sentinels().iter().for_each(|sentinel| sentinel.pause());
    let store = patient(&config(sentinels.url()));
    let call = tokio::spawn(async move { store.set(&Key::new("k").unwrap(), "v".into(), None).await });

    // The fault itself: three questions take as long.
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert!(!call.is_finished());
    sentinels.sentinels().iter().for_each(|sentinel| sentinel.resume());

    call.await.unwrap().unwrap();
}
