#![doc = include_str!("../README.md")]

mod codec;
mod config;
mod documents;
mod error;
mod events;
mod file;
mod memories;
mod redis;
mod writer;

pub use self::config::RedbConfig;
pub use self::documents::RedbDocuments;
pub use self::events::RedbEvents;
pub use self::memories::RedbMemories;
pub use self::redis::{RedbStore, RedbWatched};

/// The scheme of this adapter in a configuration: `redb:PATH`.
pub const SCHEME: &str = "redb";
