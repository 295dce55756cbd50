//! Redis and Valkey keep every rule of the ports, on a real server.
#![cfg(feature = "conformance")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use maily_errors::{Error, Result};
use maily_redis::bus::Bus;
use maily_redis::jobs::{DeadLetters, Jobs};
use maily_redis::{Command, Leases, Limits, Listen, Listener, Reply, Store};
use maily_store_redis::testing::Server;
use maily_store_redis::{Call, RedisConfig, RedisTransport, Subscription};
use tower::Service;

/// A transport that keeps the shared server alive.
#[derive(Clone)]
struct Kept {
    transport: RedisTransport,
    server: Arc<Server>,
}

impl Service<Command> for Kept {
    type Response = Reply;
    type Error = Error;
    type Future = Call;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<()>> {
        self.transport.poll_ready(cx)
    }

    fn call(&mut self, command: Command) -> Call {
        self.transport.call(command)
    }
}

impl Listen for Kept {
    type Watched = Self;
    type Subscription = (Subscription, Arc<Server>);

    fn watch(&self, listener: Listener) -> Self {
        Self { transport: self.transport.watch(listener), server: Arc::clone(&self.server) }
    }

    fn subscribe(&self, channel: Bytes, listener: Listener) -> Self::Subscription {
        (self.transport.subscribe(channel, listener), Arc::clone(&self.server))
    }

    fn silence(&self) -> Duration {
        self.transport.silence()
    }
}

fn transport() -> Option<Kept> {
    let server = Server::shared()?;
    let transport = RedisConfig::new(server.url()).transport().expect("a valid URL");
    Some(Kept { transport, server })
}

/// Returns a store with keys of its own.
fn store() -> Option<impl Bus + DeadLetters + Jobs + Leases + Limits + Store + 'static> {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let mut config = maily_redis::StoreConfig::default();
    config.prefix = format!("conformance-{}:", NEXT.fetch_add(1, Ordering::Relaxed));
    // Two cores may have much else to do.
    config.timeout_ms = 20_000;
    Some(config.build(transport()?).expect("valid settings"))
}

maily_redis::conformance!(transport, optional transport());
maily_redis::conformance!(listen, optional transport());
maily_redis::conformance!(store, optional store());
maily_redis::conformance!(lock, optional store());
maily_redis::conformance!(limit, optional store());
maily_redis::conformance!(idempotency, optional store());
maily_redis::conformance!(jobs, optional store());
maily_redis::conformance!(bus, optional store());
