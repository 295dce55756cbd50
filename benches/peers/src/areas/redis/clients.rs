//! Ours and the peers, each as its users call it.

use std::future::Future;

use bytes::Bytes;
use maily_redis::{Key, ServerStore, Store as _};
use maily_store_redis::testing::Server;
use maily_store_redis::{RedisConfig, RedisTransport};
use redis::AsyncCommands as _;
use rustis::commands::StringCommands as _;

use super::turn::{KEYS, VALUE};

/// What is measured: a value read, its length returned, and a value written.
pub(super) trait Client: Clone + Send + Sync + 'static {
    fn get(&self, key: String) -> impl Future<Output = usize> + Send;
    fn set(&self, key: String) -> impl Future<Output = ()> + Send;
}

/// A store with its deadline of one second, its metrics and its spans.
#[derive(Clone)]
pub(super) struct Ours(ServerStore<RedisTransport>);

#[derive(Clone)]
pub(super) struct RedisRs(redis::aio::MultiplexedConnection);

#[derive(Clone)]
pub(super) struct Rustis(rustis::client::Client);

#[derive(Clone)]
pub(super) struct Deadpool(deadpool_redis::Pool);

impl Ours {
    /// Connects, and writes every key.
    pub(super) async fn connect(server: &Server) -> Self {
        let ours = Self(RedisConfig::new(server.url()).build().expect("valid settings"));
        for number in 0..KEYS {
            ours.set(format!("bench:{number}")).await;
        }
        ours
    }
}

impl Client for Ours {
    async fn get(&self, key: String) -> usize {
        let key = Key::new(key).expect("a valid key");
        self.0.get(&key).await.expect("the server answers").map_or(0, |value| value.len())
    }

    async fn set(&self, key: String) {
        let key = Key::new(key).expect("a valid key");
        self.0.set(&key, Bytes::from_static(VALUE), None).await.expect("the server answers");
    }
}

impl RedisRs {
    pub(super) async fn connect(server: &Server) -> Self {
        let client = redis::Client::open(server.url()).expect("a valid URL");
        Self(client.get_multiplexed_async_connection().await.expect("the server answers"))
    }
}

impl Client for RedisRs {
    async fn get(&self, key: String) -> usize {
        let value: Option<Vec<u8>> = self.0.clone().get(key).await.expect("the server answers");
        value.map_or(0, |value| value.len())
    }

    async fn set(&self, key: String) {
        let () = self.0.clone().set(key, VALUE.as_slice()).await.expect("the server answers");
    }
}

impl Rustis {
    pub(super) async fn connect(server: &Server) -> Self {
        Self(rustis::client::Client::connect(server.url()).await.expect("the server answers"))
    }
}

impl Client for Rustis {
    async fn get(&self, key: String) -> usize {
        let value: Option<String> = self.0.get(key).await.expect("the server answers");
        value.map_or(0, |value| value.len())
    }

    async fn set(&self, key: String) {
        let value = std::str::from_utf8(VALUE).expect("it is text");
        self.0.set(key, value).await.expect("the server answers");
    }
}

impl Deadpool {
    pub(super) async fn connect(server: &Server) -> Self {
        let mut config = deadpool_redis::Config::from_url(server.url());
        config.pool = Some(deadpool_redis::PoolConfig::new(16));
        Self(config.create_pool(Some(deadpool_redis::Runtime::Tokio1)).expect("valid settings"))
    }
}

impl Client for Deadpool {
    async fn get(&self, key: String) -> usize {
        let mut connection = self.0.get().await.expect("the server answers");
        let value: Option<Vec<u8>> = connection.get(key).await.expect("the server answers");
        value.map_or(0, |value| value.len())
    }

    async fn set(&self, key: String) {
        let mut connection = self.0.get().await.expect("the server answers");
        let () = connection.set(key, VALUE.as_slice()).await.expect("the server answers");
    }
}
