//! The limits of the connection manager.

use serde::{Deserialize, Serialize};

/// Limits and times of every WebSocket of a server.
///
/// # Examples
///
/// ```
/// use maily_serve_ws::SocketsConfig;
///
/// let config = SocketsConfig::default().with_max_connections(2);
/// assert_eq!(config.max_connections, 2);
/// assert_eq!(config.max_frame_bytes, 16 * 1024 * 1024);
/// ```
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[non_exhaustive]
#[serde(default, deny_unknown_fields)]
pub struct SocketsConfig {
    /// Connections at once, over all routes; the next one is answered 503. Default 10 000.
    pub max_connections: usize,
    /// Bytes of one incoming message; a larger one closes the connection with 1009. Default 16 MiB.
    pub max_frame_bytes: usize,
    /// Bytes of one outgoing message, which is also what waits in memory for a slow reader. Default 64 MiB.
    pub max_outbound_bytes: usize,
    /// Messages that cannot be read before the connection is closed with 1008. Default 100.
    pub max_nonsense: u32,
    /// Time between two pings, in milliseconds. Default 15 000.
    pub ping_interval_ms: u64,
    /// Time without a frame from the peer, or without progress of a write, before the connection is closed, in
    /// milliseconds. Default 45 000.
    pub idle_timeout_ms: u64,
    /// Time that open connections have to end when the server drains, in milliseconds. Default 10 000.
    pub drain_timeout_ms: u64,
}

impl Default for SocketsConfig {
    fn default() -> Self {
        Self {
            max_connections: 10_000,
            max_frame_bytes: 16 * 1024 * 1024,
            max_outbound_bytes: 64 * 1024 * 1024,
            max_nonsense: 100,
            ping_interval_ms: 15_000,
            idle_timeout_ms: 45_000,
            drain_timeout_ms: 10_000,
        }
    }
}

impl SocketsConfig {
    /// Sets how many connections may be open at once.
    #[must_use]
    pub const fn with_max_connections(mut self, connections: usize) -> Self {
        self.max_connections = connections;
        self
    }

    /// Sets the size limit of one incoming message, in bytes.
    #[must_use]
    pub const fn with_max_frame_bytes(mut self, bytes: usize) -> Self {
        self.max_frame_bytes = bytes;
        self
    }

    /// Sets the size limit of one outgoing message, in bytes.
    #[must_use]
    pub const fn with_max_outbound_bytes(mut self, bytes: usize) -> Self {
        self.max_outbound_bytes = bytes;
        self
    }

    /// Sets how many messages that cannot be read are answered before the connection is closed.
    #[must_use]
    pub const fn with_max_nonsense(mut self, messages: u32) -> Self {
        self.max_nonsense = messages;
        self
    }
}
