#![doc = include_str!("../README.md")]

mod attention;
mod config;
mod desk;
mod engine;
mod error;
mod gguf;
mod kernel;
mod matrix;
mod memory;
mod network;
mod plan;
mod request;
mod sample;
mod service;
mod shelf;
mod text;
mod tile;
mod vector;
mod vocabulary;
mod writing;

use std::path::PathBuf;

use maily_mesh::{NodeConfig, Registry};

pub use self::config::LlmCandleConfig;
pub use self::engine::Work;
pub use self::service::{LlmCandle, ResponseFuture};

/// The name of this kind of node in a configuration.
pub const SCHEME: &str = "candle";

/// Offers the adapter to configurations.
///
/// `candle:` is the model that `cargo xtask assets` put into `folder`; `candle:PATH` is another file.
pub fn register(registry: &mut Registry, folder: impl Into<PathBuf>) {
    let folder = folder.into();
    registry.register(SCHEME, move |node: &NodeConfig| match node.url.split_once(':') {
        Some((_, path)) if !path.is_empty() => LlmCandleConfig::new(path).build(),
        _ => LlmCandleConfig::from_folder(&folder).build(),
    });
}
