#![doc = include_str!("../README.md")]

mod body;
mod client;
mod codec;
mod config;
mod error;

pub use self::client::{Anthropic, ResponseFuture};
pub use self::config::AnthropicConfig;

use maily_mesh::{Formats, NodeConfig, Registry};

/// The schemes of the URL in a configuration.
pub const SCHEMES: [&str; 2] = ["anthropic+http", "anthropic+https"];

/// Offers the adapter to configurations, for both schemes.
pub fn register(registry: &mut Registry) {
    for scheme in SCHEMES {
        registry.register_native(scheme, Formats::MESSAGES, |node: &NodeConfig| {
            let url = node.url.strip_prefix("anthropic+").unwrap_or(&node.url);
            let config = AnthropicConfig::new(url);
            let config = node.key.iter().fold(config, |config, key| config.with_key(key.expose().as_str()));
            config.build()
        });
    }
}
