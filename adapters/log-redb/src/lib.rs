#![doc = include_str!("../README.md")]

mod codec;
mod config;
mod error;
mod log;
mod writer;

pub use self::config::RedbConfig;
pub use self::log::RedbLog;

/// The scheme of this adapter in a configuration: `redb:PATH`.
pub const SCHEME: &str = "redb";
