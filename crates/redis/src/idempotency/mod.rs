//! Work that is done once per key, and answered the same each time.
//!
//! The first caller with a key runs the work; its answer is kept. Whoever comes with the same key and the same request
//! gets that answer, without running anything. The same key with another request is an error.
//!
//! # What is promised
//!
//! - While the store keeps its values, work that was recorded is never run again, until the time to live is over.
//! - One caller runs at a time, as long as it lives and reaches the store: it holds a lease, which it renews.
//! - **Work runs at least once, not exactly once.** A runner that crashes, or is stopped for longer than its lease,
//!   does not block the key for ever: the next caller runs the work again, though the first run may have had its effect.
//!   Give the key on to whatever the work calls, so that it can do the same there.
//! - Work that fails is not recorded: the key is free again.
//!
//! Everything is [`Store::compare_and_set`](crate::Store::compare_and_set), so it is the same in memory and on servers.
//! After a failover that loses the last writes, what they recorded may run again.
//!
//! | limit | value |
//! | --- | --- |
//! | key | 1 to 1012 bytes, less the prefix of the store |
//! | answer | 1 MiB unless [set](Idempotency::with_max_answer_bytes), at most 64 MiB less 50 bytes |
//! | time to live of an answer | 24 h unless [set](Idempotency::with_ttl) |
//! | lease of a runner | 30 s unless [set](Idempotency::with_lease), 50 ms to 24 h |
//!
//! # Examples
//!
//! ```
//! use maily_redis::idempotency::{Fingerprint, Idempotency};
//! use maily_redis::{Key, MemoryStore};
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() -> maily_errors::Result<()> {
//! let sends = Idempotency::new(MemoryStore::default());
//! let key = Key::new("order-7")?;
//! let request = Fingerprint::of(&[b"POST", b"/send", b"{\"to\":\"ada\"}"]);
//!
//! let first = sends.run(&key, request, || async { Ok("message 1".into()) }).await?;
//! assert_eq!((first.value.as_ref(), first.replayed), (&b"message 1"[..], false));
//!
//! let again = sends.run(&key, request, || async { unreachable!("it was done") }).await?;
//! assert_eq!((again.value.as_ref(), again.replayed), (&b"message 1"[..], true));
//!
//! let other = Fingerprint::of(&[b"POST", b"/send", b"{\"to\":\"bob\"}"]);
//! let err = sends.run(&key, other, || async { Ok("message 2".into()) }).await.unwrap_err();
//! assert_eq!(err.code().name(), "redis-idempotency-mismatch");
//! # Ok(())
//! # }
//! ```
//!
//! Source: the draft "The Idempotency-Key HTTP Header Field" (draft-ietf-httpapi-idempotency-key-header), sections 2.4
//! to 2.7.

mod fingerprint;
mod permit;
mod record;
mod service;

pub use self::fingerprint::Fingerprint;
pub use self::permit::Permit;
pub use self::service::{Answer, Begin, Idempotency};

#[cfg(test)]
mod tests;
