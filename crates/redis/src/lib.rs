#![doc = include_str!("../README.md")]

pub mod bus;
pub mod cache;
mod config;
#[cfg(feature = "conformance")]
pub mod conformance;
pub mod idempotency;
pub mod jobs;
pub mod layer;
pub mod limit;
pub mod lock;
mod memory;
mod model;
mod port;
mod server;
mod service;

pub use self::config::{MemoryConfig, StoreConfig};
pub use self::memory::{MemoryStore, MemoryWatched};
pub use self::model::{
    Arguments, Command, Event, Held, Key, MAX_KEY_BYTES, MAX_TTL, MAX_VALUE_BYTES, Reply, Row, StoreReply,
    StoreRequest, Swap, check_size, check_ttl,
};
pub use self::port::{Journal, Leases, Limits, Listen, Listener, Store, Transport, Watch, Watched};
pub use self::server::ServerStore;
pub use self::service::{ResponseFuture, StoreService};
