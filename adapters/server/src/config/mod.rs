//! The settings: one TOML file, and environment variables above it.

mod key;
mod load;
#[cfg(test)]
mod page;
mod schema;
mod standard;

use std::net::SocketAddr;
use std::path::PathBuf;

use maily_analytics::AnalyticsConfig;
use maily_canvas::CanvasConfig;
use maily_errors::Secret;
use maily_mesh::MeshConfig;
use maily_nodes_kubernetes::KubernetesNodesConfig;
use maily_serve_ws::SocketsConfig;
use maily_telemetry_otlp::TelemetryConfig;
use serde::{Deserialize, Serialize};

pub use self::key::Key;
pub use self::load::load;
pub use self::schema::SPARSE;

/// Everything that can be set. `maily config` prints it with its defaults.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Config {
    /// Where and for whom the server listens.
    pub server: Server,
    /// The model nodes and what lies in front of them.
    pub mesh: MeshConfig,
    /// Nodes that come and go.
    pub nodes: Nodes,
    /// The shared documents.
    pub canvas: CanvasConfig,
    /// Certificates and their ledger.
    pub trust: Trust,
    /// Events, scores and recommendations.
    pub analytics: AnalyticsConfig,
    /// Where events come from.
    pub sources: Sources,
    /// The key-value store.
    pub redis: Redis,
    /// The limits of every WebSocket.
    pub sockets: SocketsConfig,
    /// Where spans are sent.
    pub telemetry: TelemetryConfig,
}

/// Where and for whom the server listens.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Server {
    /// The address; anything but loopback needs `keys`.
    pub listen: SocketAddr,
    /// The folder for documents, keys and the ledger.
    pub data: PathBuf,
    /// The folder with the local models.
    pub cache: PathBuf,
    /// Bearer keys, 16 characters or more each, and the tenant of each. With none, only loopback may listen.
    #[serde(skip_serializing)]
    pub keys: Vec<Key>,
    /// How long a shutdown waits for what was begun, in seconds.
    pub drain_s: u64,
    /// The largest body, in bytes. A message of 25 MiB must fit.
    pub max_body_bytes: usize,
}

impl Default for Server {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 7890)),
            data: PathBuf::from("maily-data"),
            cache: cache_folder(),
            keys: Vec::new(),
            drain_s: 10,
            max_body_bytes: 26 * 1024 * 1024,
        }
    }
}

/// Nodes that come and go, beside those of `mesh.nodes`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Nodes {
    /// A TOML or JSON file with `nodes`, which is watched.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<PathBuf>,
    /// Whether nodes may register themselves. Who may decide where prompts go: without `server.keys` whoever is on this
    /// machine, else whoever has one of `keys`.
    pub register: bool,
    /// Bearer keys of those that may register, drain and remove nodes, 16 characters or more each. Elsewhere they are
    /// no keys.
    #[serde(skip_serializing)]
    pub keys: Vec<Secret<String>>,
    /// Whether this instance and others, where there is a gossip, send prompts to nodes that registered at each other.
    pub shared: bool,
    /// The key of a list of nodes in the store of `[redis]`, which is watched.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub redis_key: Option<String>,
    /// A Kubernetes service whose pods are nodes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kubernetes: Option<KubernetesNodesConfig>,
    /// The schemes of URLs that may register.
    pub schemes: Vec<String>,
    /// How long a lease lasts that does not say so itself, in milliseconds, 1000 to 3 600 000.
    pub lease_ms: u64,
}

impl Default for Nodes {
    fn default() -> Self {
        let schemes = vec!["http".to_owned(), "https".to_owned()];
        Self {
            file: None,
            register: true,
            keys: Vec::new(),
            shared: true,
            redis_key: None,
            kubernetes: None,
            schemes,
            lease_ms: 30_000,
        }
    }
}

impl Nodes {
    /// Returns whether a source says which nodes there are.
    #[must_use]
    pub const fn are_followed(&self) -> bool {
        self.file.is_some() || self.redis_key.is_some() || self.kubernetes.is_some()
    }
}

/// Certificates and their ledger.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Trust {
    /// The name of the log and the issuer in certificates and checkpoints.
    pub origin: String,
    /// Where certificates are shown; the QR code leads to `PUBLIC_URL/ID`. Empty makes it a `maily:` link.
    pub public_url: String,
    /// An EVM chain to anchor on instead of the local log.
    pub evm: Evm,
}

impl Default for Trust {
    fn default() -> Self {
        Self { origin: "maily.local/log".to_owned(), public_url: String::new(), evm: Evm::default() }
    }
}

/// An EVM chain.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Evm {
    /// The URL of a node; empty switches the chain off.
    pub url: String,
    /// The address of the contract.
    pub contract: String,
    /// The private key of the account that pays, in hex.
    #[serde(skip_serializing)]
    pub key: Option<Secret<String>>,
}

/// Where events come from.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Sources {
    /// The verification key of the SendGrid event webhook, as its settings page shows it; empty refuses its events.
    pub sendgrid_key: String,
}

/// The key-value store.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Redis {
    /// `redis://HOST:PORT`, `redis+sentinel://HOST:PORT,HOST:PORT/NAME` or `redis+cluster://HOST:PORT,HOST:PORT`, with
    /// TLS `rediss..`; without it values are in `path`, or in memory.
    #[serde(skip_serializing)]
    pub url: Option<Secret<String>>,
    /// A PEM file with the authorities that are trusted instead of the public ones, for TLS.
    pub ca_file: Option<String>,
    /// A PEM file with a certificate of our own, for servers that ask for one; together with `key_file`.
    pub cert_file: Option<String>,
    /// A PEM file with the key of `cert_file`.
    pub key_file: Option<String>,
    /// A file that keeps what this machine stores; not together with `url`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<PathBuf>,
    /// What stands before each key on the server.
    pub prefix: String,
    /// How long one call may take, in milliseconds.
    pub timeout_ms: u64,
}

impl Default for Redis {
    fn default() -> Self {
        Self {
            url: None,
            ca_file: None,
            cert_file: None,
            key_file: None,
            path: None,
            prefix: "maily:".to_owned(),
            timeout_ms: 1_000,
        }
    }
}

/// Returns where the local models lie: `MAILY_CACHE`, or `maily` below the user's cache folder.
fn cache_folder() -> PathBuf {
    if let Some(folder) = std::env::var_os("MAILY_CACHE") {
        return PathBuf::from(folder);
    }
    let base = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let home = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache"));
    base.or_else(home).unwrap_or_else(std::env::temp_dir).join("maily")
}
