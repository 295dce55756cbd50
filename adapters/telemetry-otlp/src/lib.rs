#![doc = include_str!("../README.md")]

mod client;
mod codec;
mod config;
mod exporter;
mod fields;
mod layer;
mod queue;
mod record;
mod telemetry;

pub use self::config::TelemetryConfig;
pub use self::telemetry::Telemetry;
