//! The limits of the canvas.

use serde::{Deserialize, Serialize};

/// Limits of rooms and sessions. Unknown fields are an error.
///
/// # Examples
///
/// ```
/// use maily_canvas::CanvasConfig;
///
/// let config = CanvasConfig::default().with_max_sessions(3);
/// assert_eq!(config.max_sessions, 3);
/// ```
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[non_exhaustive]
#[serde(default, deny_unknown_fields)]
pub struct CanvasConfig {
    /// People in one document at once. Default 1 000.
    pub max_sessions: usize,
    /// Documents open at once. Default 10 000.
    pub max_rooms: usize,
    /// Bytes of one frame. Default 16 MiB.
    pub max_frame_bytes: usize,
    /// Bytes of frames that wait to be applied, for each room; who sends more waits. Default 64 MiB.
    pub max_inbox_bytes: usize,
    /// Bytes that wait for one slow reader before it gets one merged difference instead. Default 4 MiB.
    pub max_outbox_bytes: usize,
    /// Updates that wait for a missing one, for each room. Default 256.
    pub max_pending: usize,
    /// Bytes of one presence state, as JSON. Default 16 KiB.
    pub max_presence_bytes: usize,
    /// Client ids that one session may be present with. Default 8.
    pub max_presence_ids: usize,
    /// Updates after the last snapshot before the log is compacted. Default 500.
    pub compact_updates: usize,
}

impl Default for CanvasConfig {
    fn default() -> Self {
        Self {
            max_sessions: 1_000,
            max_rooms: 10_000,
            max_frame_bytes: 16 * 1024 * 1024,
            max_inbox_bytes: 64 * 1024 * 1024,
            max_outbox_bytes: 4 * 1024 * 1024,
            max_pending: 256,
            max_presence_bytes: 16 * 1024,
            max_presence_ids: 8,
            compact_updates: 500,
        }
    }
}

impl CanvasConfig {
    /// Sets how many people may be in one document at once.
    #[must_use]
    pub const fn with_max_sessions(mut self, sessions: usize) -> Self {
        self.max_sessions = sessions;
        self
    }

    /// Sets how many documents may be open at once.
    #[must_use]
    pub const fn with_max_rooms(mut self, rooms: usize) -> Self {
        self.max_rooms = rooms;
        self
    }

    /// Sets the size limit of one frame, in bytes.
    #[must_use]
    pub const fn with_max_frame_bytes(mut self, bytes: usize) -> Self {
        self.max_frame_bytes = bytes;
        self
    }

    /// Sets how much may wait for one slow reader, in bytes.
    #[must_use]
    pub const fn with_max_outbox_bytes(mut self, bytes: usize) -> Self {
        self.max_outbox_bytes = bytes;
        self
    }

    /// Sets how many updates may wait for a missing one.
    #[must_use]
    pub const fn with_max_pending(mut self, updates: usize) -> Self {
        self.max_pending = updates;
        self
    }

    /// Sets after how many updates the log is compacted.
    #[must_use]
    pub const fn with_compact_updates(mut self, updates: usize) -> Self {
        self.compact_updates = updates;
        self
    }
}
