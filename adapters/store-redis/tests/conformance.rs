//! Every server that is supported keeps every rule of the ports: alone, behind sentinels and in a cluster.
#![cfg(feature = "conformance")]

use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use maily_redis::bus::Bus;
use maily_redis::jobs::{DeadLetters, Jobs};
use maily_redis::{Leases, Limits, Watch};
use maily_store_redis::testing::{Cluster, Product, Sentinels, Server, Tls};
use maily_store_redis::{RedisConfig, RedisTransport};

fn transport(config: &RedisConfig) -> RedisTransport {
    config.transport().expect("a valid URL")
}

/// Returns a store with keys of its own.
fn store(servers: &RedisConfig) -> impl Bus + DeadLetters + Jobs + Leases + Limits + Watch + use<> {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let mut config = maily_redis::StoreConfig::default();
    config.prefix = format!("conformance-{}:", NEXT.fetch_add(1, Ordering::Relaxed));
    // Two cores may have much else to do.
    config.timeout_ms = 20_000;
    config.build(transport(servers)).expect("valid settings")
}

/// Expands to every rule of every port, on one way of running servers; with none of them installed they are skipped.
macro_rules! on {
    ($name:ident, $config:expr) => {
        mod $name {
            use super::*;

            fn config() -> Option<RedisConfig> {
                // Shared by the tests of this process, and ended with it.
                $config
            }

            maily_redis::conformance!(transport, optional config().map(|config| transport(&config)));
            maily_redis::conformance!(listen, optional config().map(|config| transport(&config)));
            maily_redis::conformance!(store, optional config().map(|config| store(&config)));
            maily_redis::conformance!(cache, optional config().map(|config| store(&config)));
            maily_redis::conformance!(lock, optional config().map(|config| store(&config)));
            maily_redis::conformance!(limit, optional config().map(|config| store(&config)));
            maily_redis::conformance!(idempotency, optional config().map(|config| store(&config)));
            maily_redis::conformance!(jobs, optional config().map(|config| store(&config)));
            maily_redis::conformance!(bus, optional config().map(|config| store(&config)));
        }
    };
}

on!(redis_7, Some(RedisConfig::new(Server::shared_on(Product::Redis7)?.url())));
on!(valkey_9, Some(RedisConfig::new(Server::shared_on(Product::Valkey9)?.url())));
on!(sentinel, Some(RedisConfig::new(Sentinels::shared()?.url())));
on!(cluster, Some(RedisConfig::new(Cluster::shared()?.url())));
on!(cluster_with_tls, cluster_with_tls());

/// Returns the way to a cluster whose nodes speak nothing but TLS, and ask for a certificate.
fn cluster_with_tls() -> Option<RedisConfig> {
    static SHARED: OnceLock<Option<Cluster>> = OnceLock::new();
    let tls = || Tls::new(&["127.0.0.1"]).with_clients_asked();
    // A loaded machine does not cause a failover.
    let start = || Cluster::start_tls(Product::Redis7, Duration::from_secs(15), &tls(), &[]);
    let cluster = SHARED.get_or_init(start).as_ref()?;
    let mut config = RedisConfig::new(cluster.url());
    [config.ca_file, config.cert_file, config.key_file] = cluster.nodes()[0].client_files()?.map(Some);
    Some(config)
}
