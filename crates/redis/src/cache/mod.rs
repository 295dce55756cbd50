//! Values kept near the caller, and loaded when they are missing.
//!
//! [`NearStore`] is a [`Store`](crate::Store) whose reads are answered from this process when nothing has changed.
//! [`Cache`] is built on it: [`get_or_load`](Cache::get_or_load) calls a loader once for all who wait, in this process
//! and in others, loads again a little before the end, and answers with the old value when the loader or the server
//! fails.
//!
//! # What a hit may be
//!
//! A read that begins after a change was acknowledged answers an older value at most for the *bound*:
//!
//! | link | bound |
//! | --- | --- |
//! | works | the time that the server's message takes, in the same stream as the replies |
//! | hangs, or the network swallows everything | [`silence`](crate::Watch::silence); then nothing near is believed |
//! | is cut | until the cut is seen; then nothing near is believed until the server listens again |
//! | in memory | zero: the message comes before the change is acknowledged |
//!
//! [`NearStore::state`] says the bound and whether the link listens; `maily_redis_near_listening` is the gauge. After
//! a write through the same [`NearStore`] no read of it returns an older value.
//!
//! # Why
//!
//! 1. The server notes each key that is read on the watched connection, and says once when it changes: by any client,
//!    by its end, by eviction, and when its own table is too small for the note. The message stands in the stream of
//!    replies behind the reply that made the note.
//! 2. A read takes a ticket before it is sent: the *state* of the link and the count of *invalidations* of the key's
//!    stripe. Its reply is kept only under the stripe's lock and only if the count is the same. A message that came
//!    first has raised the count; one that comes later finds the entry and removes it. So no entry outlives the first
//!    change after its read, whichever arrives first.
//! 3. An entry is believed only in the state in which its read began. Loss, return and flush each raise the state, in
//!    one store. So what was read over a lost connection is not believed, even if the reply is kept after the loss.
//! 4. While the link is lost the state is even, and nothing is kept.
//! 5. A write raises the count of its key when it ends, failed and dropped ones included. So a read that began before
//!    the write and ends after it is not kept, and the next read goes to the server.
//! 6. The entry ends when the value does, measured from before its read was sent, so no clock of a server matters.
//!    [`max_age_ms`](NearConfig::max_age_ms) bounds everything that these steps do not know of.
//!
//! # Examples
//!
//! ```
//! use std::time::Duration;
//!
//! use maily_redis::cache::{CacheConfig, Cached};
//! use maily_redis::{Key, MemoryStore};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> maily_errors::Result<()> {
//! let cache = CacheConfig::default().build(&MemoryStore::default())?;
//! let key = Key::new("campaign:7")?;
//! let minute = Duration::from_secs(60);
//!
//! let loaded = cache.get_or_load(&key, minute, || async { Ok(Some("from the database".into())) }).await?;
//! assert_eq!(loaded, Cached::Fresh(Some("from the database".into())));
//!
//! // The loader is not called again.
//! let cached = cache.get_or_load(&key, minute, || async { unreachable!() }).await?;
//! assert_eq!(cached, loaded);
//! # Ok(())
//! # }
//! ```

mod answer;
mod backoff;
mod config;
mod early;
mod entry;
mod envelope;
mod flight;
mod lease;
mod listeners;
mod load;
mod meter;
mod near;
mod read;
mod service;
mod table;
#[cfg(test)]
mod tests;

pub use self::answer::Cached;
pub use self::config::{CacheConfig, NearConfig};
pub use self::listeners::Listeners;
pub use self::near::{NearState, NearStore};
pub use self::service::Cache;
