//! The y-protocols, byte by byte: sync, awareness, auth.
//!
//! One frame is one message. A frame that is cut, or that has bytes left over, is an error: the readers of the
//! reference implementations take both in silence, and lose data with it.
//!
//! | frame | bytes |
//! |---|---|
//! | `SyncStep1` | `00 00` buffer(state vector) |
//! | `SyncStep2` | `00 01` buffer(update) |
//! | `Update` | `00 02` buffer(update) |
//! | `Awareness` | `01` buffer(count, then client id, clock and JSON text of each) |
//! | `Denied` | `02 00` text(reason) |
//! | `QueryAwareness` | `03` |
//!
//! Numbers are unsigned LEB128, buffers and texts a number of bytes and the bytes (lib0).
//!
//! Source: y-protocols `PROTOCOL.md`, `sync.js`, `awareness.js`, `auth.js`; y-websocket `src/y-websocket.js`.

mod frame;
mod lib0;
mod presence;

pub use self::frame::Frame;
pub use self::presence::Presence;
