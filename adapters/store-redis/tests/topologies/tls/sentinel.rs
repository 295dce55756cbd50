//! Sentinels, master and replicas that speak nothing but TLS.

use std::sync::Arc;
use std::time::{Duration, Instant};

use maily_errors::Code;
use maily_store_redis::testing::{Product, Sentinels, Tls};
use tokio::task::spawn_blocking;

use super::{HOST, believed, believing};
use crate::support::{SLACK, TIMEOUT, config, outage, patient, recovers};

/// How long a master says nothing before the sentinels call it down.
const DOWN_AFTER: Duration = Duration::from_secs(1);

async fn start(product: Product, tls: &Tls) -> Option<Arc<Sentinels>> {
    let tls = tls.clone();
    let start = move || Sentinels::start_tls(product, DOWN_AFTER, &tls).map(Arc::new);
    spawn_blocking(start).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_master_is_left_as_soon_as_there_is_another() {
    for product in Product::ALL {
        let tls = Tls::new(&[HOST]);
        let Some(sentinels) = start(product, &tls).await else { continue };
        let mut config = believing(sentinels.url(), &tls);
        config.timeout_ms = TIMEOUT.as_millis() as u64;
        let store = config.build().unwrap();

        let outage =
            outage(&store, "k", &sentinels, |sentinels| assert!(sentinels.kill_master().is_up())).await;

        outage.assert_bar(&format!("master killed, TLS, {product:?}"), DOWN_AFTER);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sentinels_and_servers_that_ask_for_a_certificate_get_ours_and_prove_theirs() {
    let tls = Tls::new(&[HOST]).with_clients_asked();
    let Some(sentinels) = start(Product::Redis7, &tls).await else { return };

    recovers(&believed(sentinels.url(), &tls).build().unwrap()).await;

    let (mut foreign, other) = (believed(sentinels.url(), &tls), Tls::new(&[HOST]));
    foreign.ca_file = Some(other.ca_file());
    for (name, config) in
        [("we have no certificate", believing(sentinels.url(), &tls)), ("another authority", foreign)]
    {
        let err = config.build().unwrap().ping().await.unwrap_err();

        assert_eq!(err.code(), Code::RedisCertificateRefused, "{name}: {err:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sentinels_whose_certificate_is_for_another_host_are_refused() {
    let tls = Tls::new(&["localhost"]);
    let Some(sentinels) = start(Product::Redis7, &tls).await else { return };

    let err = believing(sentinels.url(), &tls).build().unwrap().ping().await.unwrap_err();
    assert_eq!(err.code(), Code::RedisCertificateRefused, "{err:?}");

    // The sentinels prove who they are by their name; the master that they name by its address cannot.
    let named = sentinels.url().replace(HOST, "localhost");
    let err = believing(named, &tls).build().unwrap().ping().await.unwrap_err();
    assert_eq!(err.code(), Code::RedisCertificateRefused, "{err:?}");
    let master = sentinels.master().address().to_string();
    assert!(format!("{err:?}").contains(&master), "{err:?}");
}

#[tokio::test]
async fn sentinels_without_tls_are_said_within_the_deadline() {
    let Some(sentinels) = Sentinels::shared() else { return };
    let url = sentinels.url().replace("redis+", "rediss+");
    let start = Instant::now();

    let err = patient(&config(url)).ping().await.unwrap_err();

    println!("sentinels without tls were noticed after {:?}: {err}", start.elapsed());
    assert_eq!(err.code(), Code::RedisProtocol, "{err:?}");
    assert!(start.elapsed() < TIMEOUT + SLACK);
}
