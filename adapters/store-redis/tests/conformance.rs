//! Redis and Valkey keep every rule of the `transport` and `store` ports, on a real server.
#![cfg(feature = "conformance")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use maily_redis::{Leases, Limits, Store, Transport};
use maily_store_redis::RedisConfig;
use maily_store_redis::testing::Server;
use tower::ServiceExt as _;

/// Returns a transport that keeps the shared server alive.
fn transport() -> Option<impl Transport + 'static> {
    let server = Server::shared()?;
    let transport = RedisConfig::new(server.url()).transport().expect("a valid URL");
    Some(transport.map_request(move |command| {
        let _alive = Arc::strong_count(&server);
        command
    }))
}

/// Returns a store with keys of its own.
fn store() -> Option<impl Leases + Limits + Store + 'static> {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let mut config = maily_redis::StoreConfig::default();
    config.prefix = format!("conformance-{}:", NEXT.fetch_add(1, Ordering::Relaxed));
    // Two cores may have much else to do.
    config.timeout_ms = 20_000;
    Some(config.build(transport()?).expect("valid settings"))
}

maily_redis::conformance!(transport, optional transport());
maily_redis::conformance!(store, optional store());
maily_redis::conformance!(lock, optional store());
maily_redis::conformance!(limit, optional store());
maily_redis::conformance!(idempotency, optional store());
