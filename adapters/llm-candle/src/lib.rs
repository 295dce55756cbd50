#![doc = include_str!("../README.md")]

mod config;
mod engine;
mod error;
mod generate;
mod gguf;
mod kernel;
mod matrix;
mod network;
mod request;
mod sample;
mod service;
mod text;
mod vocabulary;

pub use self::config::LlmCandleConfig;
pub use self::engine::Work;
pub use self::service::{LlmCandle, ResponseFuture};

/// The name of this kind of node in a configuration.
pub const SCHEME: &str = "candle";
