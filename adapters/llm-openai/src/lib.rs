#![doc = include_str!("../README.md")]

mod config;

pub use self::config::OpenAiConfig;

use maily_client_http1::{Dialect, Patience, Remote};
use maily_mesh::{Format, Formats, NodeConfig, Registry};

/// An OpenAI-compatible server as a node. Clones share the connections.
pub type OpenAi = Remote<Protocol>;

/// The protocol of OpenAI, and of everybody who speaks it.
#[derive(Debug)]
pub struct Protocol;

impl Dialect for Protocol {
    const BODY: &'static str = "openai::body";
    const BUILD: &'static str = "openai::build";
    const CALL: &'static str = "openai::call";
    // Messages too: vLLM, llama.cpp and Ollama take them beside the others.
    const FORMATS: Formats = Formats::CHAT
        .with(Format::Completions)
        .with(Format::Embeddings)
        .with(Format::Messages)
        .with(Format::Responses);
    const RATE_LIMITS: &'static str = "x-ratelimit-";
    const REQUEST_ID: &'static str = "x-request-id";
}

/// The schemes of the URL in a configuration.
pub const SCHEMES: [&str; 2] = ["http", "https"];

/// Offers the adapter to configurations, for both schemes.
pub fn register(registry: &mut Registry) {
    for scheme in SCHEMES {
        registry.register(scheme, |node: &NodeConfig| {
            let mut config = OpenAiConfig::new(node.url.clone());
            config.patience = Patience::OF_A_MESH;
            config.patience.connect_ms = node.connect_ms.unwrap_or(config.patience.connect_ms);
            let config = node.key.iter().fold(config, |config, key| config.with_key(key.expose().as_str()));
            config.build()
        });
    }
}
