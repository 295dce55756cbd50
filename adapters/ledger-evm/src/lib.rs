#![doc = include_str!("../README.md")]

mod client;
mod config;
mod contract;
mod error;
mod node;

pub use self::client::EvmLedger;
pub use self::config::EvmConfig;

/// The name of this ledger in a configuration.
pub const SCHEME: &str = "evm";
