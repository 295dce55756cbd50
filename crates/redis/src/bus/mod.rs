//! A bus: messages for whoever listens now, in this process or on a server.
//!
//! A subscription goes on by itself when its link is lost, and says when it may have missed something: read again
//! what the messages were about, and go on. Nothing is kept: for work that must be done, use [`jobs`](crate::jobs).
//!
//! On a server it is sharded publish and subscribe (`SPUBLISH`, `SSUBSCRIBE`), so that in a cluster a message crosses
//! one node and not all of them.
//!
//! | limit | value |
//! | --- | --- |
//! | name of a channel | 512 bytes |
//! | message | 1 MiB |
//! | messages that wait for a slow reader | as many as it says, at most 65 536, and 16 MiB |
//!
//! # Examples
//!
//! ```
//! use maily_redis::MemoryStore;
//! use maily_redis::bus::{Bus, Channel, Heard};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> maily_errors::Result<()> {
//! let store = MemoryStore::default();
//! let channel = Channel::new("canvas:7")?;
//! let mut reader = store.subscribe(&channel, 2).await?;
//!
//! for message in ["one", "two", "three"] {
//!     store.publish(&channel, message.into()).await?;
//! }
//!
//! // Only two fit: the reader was too slow, and is told so.
//! assert!(matches!(reader.recv().await, Heard::Missed(missed) if missed.dropped == 1));
//! assert_eq!(reader.recv().await, Heard::Message("two".into()));
//! assert_eq!(reader.recv().await, Heard::Message("three".into()));
//! # Ok(())
//! # }
//! ```

mod inbox;
mod memory;
mod model;
mod server;
mod subscription;
#[cfg(test)]
mod tests;

pub(crate) use self::memory::Channels;
pub use self::model::{
    Channel, Heard, MAX_BUFFER, MAX_BUFFER_BYTES, MAX_CHANNEL_BYTES, MAX_MESSAGE_BYTES, Missed,
};
pub use self::subscription::Subscription;
pub use crate::port::Bus;
