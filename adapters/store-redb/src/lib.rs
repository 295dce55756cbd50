#![doc = include_str!("../README.md")]

mod codec;
mod config;
mod documents;
mod error;
mod events;
mod file;
mod writer;

pub use self::config::RedbConfig;
pub use self::documents::RedbDocuments;
pub use self::events::RedbEvents;

/// The scheme of this adapter in a configuration: `redb:PATH`.
pub const SCHEME: &str = "redb";
