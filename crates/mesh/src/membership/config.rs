//! The settings of the gossip, as a configuration file writes them.

use std::net::SocketAddr;

use maily_errors::Secret;
use serde::{Deserialize, Serialize};

/// The settings of the gossip between instances of the mesh: `[mesh.gossip]`. Without a key there is none.
///
/// # Examples
///
/// ```
/// use maily_mesh::membership::GossipConfig;
///
/// let config: GossipConfig = serde_json::from_str(r#"{ "seeds": ["10.0.0.7:7946"] }"#).unwrap();
/// assert!(config.key.is_none());
/// assert!(config.listen.ip().is_loopback());
/// ```
#[derive(Clone, Debug, Deserialize, Serialize)]
#[non_exhaustive]
#[serde(default, deny_unknown_fields)]
pub struct GossipConfig {
    /// The key that all instances share: 64 hexadecimal digits. None switches the gossip off.
    #[serde(skip_serializing)]
    pub key: Option<Secret<String>>,
    /// The UDP address to listen on; loopback unless it is set.
    pub listen: SocketAddr,
    /// Where others reach this instance, if not at `listen`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub advertise: Option<SocketAddr>,
    /// The name of this instance, 1 to 32 bytes; empty makes a random one.
    pub name: String,
    /// Where others may be: at most 16 addresses, `HOST:PORT`.
    pub seeds: Vec<String>,
}

impl Default for GossipConfig {
    fn default() -> Self {
        Self {
            key: None,
            listen: SocketAddr::from(([127, 0, 0, 1], 7946)),
            advertise: None,
            name: String::new(),
            seeds: Vec::new(),
        }
    }
}

impl GossipConfig {
    /// Creates settings with a key, on a free port of the loopback.
    pub fn on_loopback(key: impl Into<Secret<String>>) -> Self {
        Self { key: Some(key.into()), listen: SocketAddr::from(([127, 0, 0, 1], 0)), ..Self::default() }
    }

    /// Names the instance.
    #[must_use]
    pub fn with_name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// Adds an address where another instance may be.
    #[must_use]
    pub fn with_seed<S: ToString + ?Sized>(mut self, seed: &S) -> Self {
        self.seeds.push(seed.to_string());
        self
    }
}
