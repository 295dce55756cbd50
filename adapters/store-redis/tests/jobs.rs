//! Jobs on a real server.
#![cfg(feature = "conformance")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use maily_redis::jobs::{DeadLetters, Jobs};
use maily_store_redis::RedisConfig;
use maily_store_redis::testing::Server;
use tower::ServiceExt as _;

fn store() -> Option<impl Jobs + DeadLetters + 'static> {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let server = Server::shared()?;
    let transport = RedisConfig::new(server.url()).transport().expect("a valid URL");
    let transport = transport.map_request(move |command| {
        let _alive = Arc::strong_count(&server);
        command
    });
    let mut config = maily_redis::StoreConfig::default();
    config.prefix = format!("jobs-{}:", NEXT.fetch_add(1, Ordering::Relaxed));
    config.timeout_ms = 20_000;
    Some(config.build(transport).expect("valid settings"))
}

maily_redis::conformance!(jobs, optional store());
