//! How long a server may be silent.

use std::time::Duration;

use serde::Deserialize;

/// How long the server may be silent, in milliseconds.
///
/// # Examples
///
/// ```
/// use maily_client_http1::Patience;
///
/// let patience = Patience::default().with_headers_ms(5_000);
///
/// assert_eq!((patience.connect_ms, patience.headers_ms, patience.between_ms), (5_000, 5_000, 30_000));
/// ```
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[non_exhaustive]
#[serde(default, deny_unknown_fields)]
pub struct Patience {
    /// To a connection: the name, TCP and TLS. 5 s unless told.
    pub connect_ms: u64,
    /// From the call, or from the connection if one had to be made, to the head of the answer. 60 s unless told.
    pub headers_ms: u64,
    /// From one piece of the answer to the next, counted from when its reader begins to wait. 30 s unless told.
    pub between_ms: u64,
}

impl Patience {
    /// For a node of a mesh, whose layers say how long each phase may take: the most that they can say, an hour.
    pub const OF_A_MESH: Self = Self { connect_ms: 5_000, headers_ms: 3_600_000, between_ms: 3_600_000 };

    /// Sets the longest wait for a connection.
    #[must_use]
    pub const fn with_connect_ms(self, connect_ms: u64) -> Self {
        Self { connect_ms, ..self }
    }

    /// Sets the longest wait for the head of the answer.
    #[must_use]
    pub const fn with_headers_ms(self, headers_ms: u64) -> Self {
        Self { headers_ms, ..self }
    }

    /// Sets the longest silence inside the answer.
    #[must_use]
    pub const fn with_between_ms(self, between_ms: u64) -> Self {
        Self { between_ms, ..self }
    }

    pub(crate) const fn connect(self) -> Duration {
        Duration::from_millis(self.connect_ms)
    }

    pub(crate) const fn headers(self) -> Duration {
        Duration::from_millis(self.headers_ms)
    }

    pub(crate) const fn between(self) -> Duration {
        Duration::from_millis(self.between_ms)
    }
}

impl Default for Patience {
    fn default() -> Self {
        Self { connect_ms: 5_000, headers_ms: 60_000, between_ms: 30_000 }
    }
}
