#![doc = include_str!("../README.md")]

mod config;

pub use self::config::AnthropicConfig;

use maily_client_http1::{Dialect, Patience, Remote};
use maily_mesh::{Formats, NodeConfig, Registry};

/// A server of messages as a node: it takes no other format. Clones share the connections.
pub type Anthropic = Remote<Protocol>;

/// The protocol of Anthropic.
#[derive(Debug)]
pub struct Protocol;

impl Dialect for Protocol {
    const BODY: &'static str = "anthropic::body";
    const BUILD: &'static str = "anthropic::build";
    const CALL: &'static str = "anthropic::call";
    const FORMATS: Formats = Formats::MESSAGES;
    const RATE_LIMITS: &'static str = "anthropic-ratelimit-";
    const REQUEST_ID: &'static str = "request-id";
}

/// The schemes of the URL in a configuration.
pub const SCHEMES: [&str; 2] = ["anthropic+http", "anthropic+https"];

/// Offers the adapter to configurations, for both schemes.
pub fn register(registry: &mut Registry) {
    for scheme in SCHEMES {
        registry.count_natively(scheme, Formats::MESSAGES);
        registry.register_native(scheme, Formats::MESSAGES, |node: &NodeConfig| {
            let mut config = AnthropicConfig::new(node.url.strip_prefix("anthropic+").unwrap_or(&node.url));
            config.patience = Patience::OF_A_MESH;
            config.patience.connect_ms = node.connect_ms.unwrap_or(config.patience.connect_ms);
            let config = node.key.iter().fold(config, |config, key| config.with_key(key.expose().as_str()));
            config.build()
        });
    }
}
