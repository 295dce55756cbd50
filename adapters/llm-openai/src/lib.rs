#![doc = include_str!("../README.md")]

mod body;
mod client;
mod codec;
mod config;
mod error;
mod http1;

pub use self::client::{OpenAi, ResponseFuture};
pub use self::config::OpenAiConfig;

use maily_mesh::{NodeConfig, Registry};

/// The schemes of the URL in a configuration.
pub const SCHEMES: [&str; 2] = ["http", "https"];

/// Offers the adapter to configurations, for both schemes.
pub fn register(registry: &mut Registry) {
    for scheme in SCHEMES {
        registry.register(scheme, |node: &NodeConfig| {
            let mut config = OpenAiConfig::new(node.url.clone());
            config.connect_ms = node.connect_ms.unwrap_or(config.connect_ms);
            let config = node.key.iter().fold(config, |config, key| config.with_key(key.expose().as_str()));
            config.build()
        });
    }
}
