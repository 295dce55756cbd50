//! Middleware that runs a request once per idempotency key, and answers its repetitions with the first answer.
//!
//! What is promised, and what is not, is in [`idempotency`](crate::idempotency): work may run again if its runner
//! crashed or failed.
//!
//! A response is kept through a [`Codec`]: as [`Json`], or by two closures, of which the first may leave a response out
//! (an HTTP answer of 503, say); then the key is free again. An error of the service is never kept.
//!
//! # Order
//!
//! Outside of a retry layer, so that all tries of one request run under one key; inside of what authenticates, so that
//! the key can name the user: two users may choose the same key.
//!
//! # Examples
//!
//! ```
//! use std::sync::atomic::{AtomicU32, Ordering};
//!
//! use maily_errors::Error;
//! use maily_redis::idempotency::{Fingerprint, Idempotency};
//! use maily_redis::layer::idempotency::{IdempotencyLayer, Json};
//! use maily_redis::{Key, MemoryStore};
//! use tower::{Service, ServiceBuilder, ServiceExt, service_fn};
//!
//! /// A mail that is sent once per key.
//! struct Send {
//!     key: &'static str,
//!     to: &'static str,
//! }
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() -> maily_errors::Result<()> {
//! static SENT: AtomicU32 = AtomicU32::new(0);
//! // What is no key was refused before: without one a request runs each time.
//! let identify = |send: &Send| {
//!     Some((Key::new(send.key).ok()?, Fingerprint::of(&[send.to.as_bytes()])))
//! };
//! let mut mailer = ServiceBuilder::new()
//!     .layer(IdempotencyLayer::new(Idempotency::new(MemoryStore::default()), identify, Json))
//!     .service(service_fn(async |_: Send| Ok::<u32, Error>(SENT.fetch_add(1, Ordering::Relaxed) + 1)));
//!
//! let send = || Send { key: "order-7", to: "ada" };
//! assert_eq!(mailer.ready().await?.call(send()).await?, 1);
//! assert_eq!(mailer.ready().await?.call(send()).await?, 1); // not sent again
//! assert_eq!(SENT.load(Ordering::Relaxed), 1);
//! # Ok(())
//! # }
//! ```

mod codec;
mod layer;
mod service;

pub use self::codec::{Codec, Json};
pub use self::layer::IdempotencyLayer;
pub use self::service::Once;

#[cfg(test)]
mod tests;
