//! Every server that is supported keeps every rule of the ports: alone, behind sentinels and in a cluster.
#![cfg(feature = "conformance")]

use std::sync::atomic::{AtomicUsize, Ordering};

use maily_redis::bus::Bus;
use maily_redis::jobs::{DeadLetters, Jobs};
use maily_redis::{Leases, Limits, Watch};
use maily_store_redis::testing::{Cluster, Product, Sentinels, Server};
use maily_store_redis::{RedisConfig, RedisTransport};

fn transport(url: &str) -> RedisTransport {
    RedisConfig::new(url).transport().expect("a valid URL")
}

/// Returns a store with keys of its own.
fn store(url: &str) -> impl Bus + DeadLetters + Jobs + Leases + Limits + Watch + use<> {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let mut config = maily_redis::StoreConfig::default();
    config.prefix = format!("conformance-{}:", NEXT.fetch_add(1, Ordering::Relaxed));
    // Two cores may have much else to do.
    config.timeout_ms = 20_000;
    config.build(transport(url)).expect("valid settings")
}

/// Expands to every rule of every port, on one way of running servers; with none of them installed they are skipped.
macro_rules! on {
    ($name:ident, $servers:expr) => {
        mod $name {
            use super::*;

            fn url() -> Option<String> {
                // Shared by the tests of this process, and ended with it.
                Some($servers?.url())
            }

            maily_redis::conformance!(transport, optional url().map(|url| transport(&url)));
            maily_redis::conformance!(listen, optional url().map(|url| transport(&url)));
            maily_redis::conformance!(store, optional url().map(|url| store(&url)));
            maily_redis::conformance!(cache, optional url().map(|url| store(&url)));
            maily_redis::conformance!(lock, optional url().map(|url| store(&url)));
            maily_redis::conformance!(limit, optional url().map(|url| store(&url)));
            maily_redis::conformance!(idempotency, optional url().map(|url| store(&url)));
            maily_redis::conformance!(jobs, optional url().map(|url| store(&url)));
            maily_redis::conformance!(bus, optional url().map(|url| store(&url)));
        }
    };
}

on!(redis_7, Server::shared_on(Product::Redis7));
on!(valkey_9, Server::shared_on(Product::Valkey9));
on!(sentinel, Sentinels::shared());
on!(cluster, Cluster::shared());
