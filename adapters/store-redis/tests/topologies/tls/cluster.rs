//! A cluster that speaks nothing but TLS: redirections, channels and watched reads too.

use std::sync::Arc;
use std::time::{Duration, Instant};

use maily_errors::Code;
use maily_redis::bus::{Bus as _, Channel, Heard};
use maily_redis::cache::NearConfig;
use maily_redis::{Key, Store as _};
use maily_store_redis::testing::{Cluster, Product, Tls};
use tokio::task::spawn_blocking;

use super::{HOST, believed, believing};
use crate::rules;
use crate::support::{SLACK, TIMEOUT, config, outage, patient};

/// How long a node says nothing before the others call it down.
const NODE_TIMEOUT: Duration = Duration::from_secs(2);

/// The same where nothing fails: a loaded machine is no reason to vote.
const LONG_NODE_TIMEOUT: Duration = Duration::from_secs(15);

async fn start(
    product: Product,
    node_timeout: Duration,
    tls: &Tls,
    settings: &'static [[&'static str; 2]],
) -> Option<Arc<Cluster>> {
    let tls = tls.clone();
    let start = move || Cluster::start_tls(product, node_timeout, &tls, settings).map(Arc::new);
    spawn_blocking(start).await.unwrap()
}

/// Asserts that some node has sent somebody elsewhere with this word.
fn assert_redirected(cluster: &Cluster, word: &str) {
    let count = cluster.nodes().iter().filter(|node| {
        node.is_up() && node.text(&["INFO", "errorstats"]).contains(&format!("errorstat_{word}"))
    });
    assert!(count.count() > 0, "nobody said {word}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_master_is_left_and_channels_and_near_values_follow() {
    for product in Product::ALL {
        let tls = Tls::new(&[HOST]);
        let Some(cluster) = start(product, NODE_TIMEOUT, &tls, &[]).await else { continue };
        let mut config = believing(cluster.url(), &tls);
        let store = config.build().unwrap();
        config.timeout_ms = TIMEOUT.as_millis() as u64;
        let hasty = config.build().unwrap();
        let (channel, key) = (Channel::new("{k}news").unwrap(), Key::new("{k}near").unwrap());
        let mut reader = store.subscribe(&channel, 100).await.unwrap();
        let near = NearConfig::default().build(&store).unwrap();
        store.set(&key, "old".into(), None).await.unwrap();
        assert_eq!(near.get(&key).await.unwrap(), Some("old".into()));
        store.publish(&channel, "before".into()).await.unwrap();
        assert_eq!(reader.recv().await, Heard::Message("before".into()));
        // Its replica has the value too: what is near must not outlive what the next master has.
        let slot = cluster.slot("k");
        let outage = outage(&hasty, "k", &cluster, move |cluster| {
            assert!(cluster.kill_master(slot).is_up());
        });
        let outage = outage.await;
        println!("master killed, TLS, {product:?}: {outage:?}");
        assert!(outage.longest_call < TIMEOUT + SLACK, "{outage:?}");

        store.set(&key, "new".into(), None).await.unwrap();
        let start = Instant::now();
        while near.get(&key).await.ok().flatten().as_deref() != Some(b"new") {
            assert!(start.elapsed() < Duration::from_secs(20), "the near value is stale");
        }
        while !reader.is_listening() {
            assert!(start.elapsed() < Duration::from_secs(20), "the channel is not heard");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        store.publish(&channel, "after".into()).await.unwrap();
        assert!(matches!(reader.recv().await, Heard::Missed(missed) if missed.link_lost));
        assert_eq!(reader.recv().await, Heard::Message("after".into()));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redirections_channels_and_watched_reads_lead_to_nodes_that_ask_for_our_certificate() {
    let tls = Tls::new(&[HOST]).with_clients_asked();
    let Some(cluster) = start(Product::Redis7, NODE_TIMEOUT, &tls, &[]).await else { return };
    let config = believed(cluster.url(), &tls);

    rules::slot_moves_under_counters(&cluster, &config).await;
    rules::key_is_on_its_way(&cluster, &config).await;
    ["ASK", "MOVED"].iter().for_each(|word| assert_redirected(&cluster, word));
    rules::channel_is_heard_again(&cluster, &config).await;
    spawn_blocking({
        let cluster = Arc::clone(&cluster);
        move || cluster.heal()
    })
    .await
    .unwrap();
    rules::reads_are_watched_again(&cluster, &config).await;

    let err = believing(cluster.url(), &tls).build().unwrap().ping().await.unwrap_err();
    assert_eq!(err.code(), Code::RedisCertificateRefused, "{err:?}");
    let (mut foreign, other) = (config, Tls::new(&[HOST]));
    foreign.ca_file = Some(other.ca_file());
    let err = foreign.build().unwrap().ping().await.unwrap_err();
    assert_eq!(err.code(), Code::RedisCertificateRefused, "{err:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_are_called_by_their_names_where_certificates_have_no_addresses() {
    let tls = Tls::new(&["localhost"]);
    // Redirections name addresses, unless the nodes are told otherwise.
    let names = &[["--cluster-announce-hostname", "localhost"]];
    let Some(cluster) = start(Product::Redis7, LONG_NODE_TIMEOUT, &tls, names).await else { return };
    let config = believing(cluster.url().replace(HOST, "localhost"), &tls);

    rules::slot_moves_under_counters(&cluster, &config).await;
    rules::key_is_on_its_way(&cluster, &config).await;
    ["ASK", "MOVED"].iter().for_each(|word| assert_redirected(&cluster, word));

    let err = believing(cluster.url(), &tls).build().unwrap().ping().await.unwrap_err();
    assert_eq!(err.code(), Code::RedisCertificateRefused, "{err:?}");
}

#[tokio::test]
async fn cluster_without_tls_is_said_within_the_deadline() {
    let Some(cluster) = Cluster::shared() else { return };
    let url = cluster.url().replace("redis+", "rediss+");
    let start = Instant::now();

    let err = patient(&config(url)).ping().await.unwrap_err();

    println!("a cluster without tls was noticed after {:?}: {err}", start.elapsed());
    assert_eq!(err.code(), Code::RedisProtocol, "{err:?}");
    assert!(start.elapsed() < TIMEOUT + SLACK);
}
