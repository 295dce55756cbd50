#![doc = include_str!("../README.md")]

mod config;
mod error;
mod model;
mod pool;
mod runtime;
mod service;
mod verify;

pub use self::config::EmbedOrtConfig;
pub use self::service::{EmbedOrt, ResponseFuture};

/// The name of this kind of embedder in a configuration.
pub const SCHEME: &str = "ort";
