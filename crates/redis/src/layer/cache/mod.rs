//! Middleware that answers from a cache what was answered before.
//!
//! A request with a key is answered from the [`Cache`](crate::cache::Cache); if nothing is there, one request per key
//! goes to the service, from all processes, and the others get what it answers. Everything else is as
//! [`get_or_load`](crate::cache::Cache::get_or_load) says: an answer is renewed a little before its end, and an old one
//! is given when the service fails or takes longer than the soft timeout.
//!
//! # What is not cached
//!
//! - A request without a key; it goes to the service as it is.
//! - An error of the service. Who waits gets the old answer if there is one, else the error.
//! - An answer that the [`Codec`](crate::layer::idempotency::Codec) leaves out, such as an HTTP answer of 404. Who asked
//!   for it gets it; who waited for it gets the old answer if there is one, else asks the service itself.
//!
//! # Old answers
//!
//! An answer is old when its time is over and it is given all the same, because the service or the server failed or the
//! soft timeout passed. [`with_mark`](CacheLayer::with_mark) says so to who reads it; a fresh one is never marked:
//!
//! ```
//! use std::time::Duration;
//!
//! use maily_errors::{Code, Error};
//! use maily_redis::cache::CacheConfig;
//! use maily_redis::layer::cache::{CacheLayer, Stale};
//! use maily_redis::layer::idempotency::Json;
//! use maily_redis::{Key, MemoryStore};
//! use serde::{Deserialize, Serialize};
//! use tower::{Service, ServiceBuilder, ServiceExt, service_fn};
//!
//! #[derive(Deserialize, Serialize)]
//! struct Price {
//!     cents: u32,
//!     #[serde(skip)]
//!     stale: Option<Stale>, // an HTTP answer has extensions for it
//! }
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() -> maily_errors::Result<()> {
//! let cache = CacheConfig::default().build(&MemoryStore::default())?;
//! let minute = Duration::from_secs(60);
//! let key = |id: &&'static str| Key::new(*id).ok();
//! let layer = CacheLayer::new(cache.clone(), minute, key, Json)
//!     .with_mark(|price: Price| Price { stale: Some(Stale), ..price });
//! let mut prices = ServiceBuilder::new()
//!     .layer(layer)
//!     .service(service_fn(async |_: &'static str| Err::<Price, Error>(Error::from(Code::Unavailable))));
//! cache.set(&Key::new("mug")?, r#"{"cents":700}"#.into(), minute).await?;
//!
//! assert_eq!(prices.ready().await?.call("mug").await?.stale, None);
//! tokio::time::sleep(minute).await;
//! assert_eq!(prices.ready().await?.call("mug").await?.stale, Some(Stale));
//! # Ok(())
//! # }
//! ```
//!
//! # Differences from `moka` and `cached`
//!
//! The answers are shared by all processes and invalidated in all of them at once: by
//! [`remove`](crate::cache::Cache::remove), and by any other change of the key in the store.
//!
//! # Order
//!
//! Outside of retries and of limits on the service: what is in the cache needs neither. Inside of what authenticates,
//! and with a key that names the user where the answer depends on one.
//!
//! # Examples
//!
//! ```
//! use std::sync::atomic::{AtomicU32, Ordering};
//! use std::time::Duration;
//!
//! use maily_errors::Error;
//! use maily_redis::cache::CacheConfig;
//! use maily_redis::layer::cache::CacheLayer;
//! use maily_redis::layer::idempotency::Json;
//! use maily_redis::{Key, MemoryStore};
//! use tower::{Service, ServiceBuilder, ServiceExt, service_fn};
//!
//! static ASKED: AtomicU32 = AtomicU32::new(0);
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> maily_errors::Result<()> {
//! let cache = CacheConfig::default().build(&MemoryStore::default())?;
//! let key = |id: &u32| Key::new(format!("price:{id}")).ok();
//! let mut prices = ServiceBuilder::new()
//!     .layer(CacheLayer::new(cache.clone(), Duration::from_secs(60), key, Json))
//!     .service(service_fn(async |id: u32| {
//!         ASKED.fetch_add(1, Ordering::Relaxed);
//!         Ok::<u32, Error>(id * 100)
//!     }));
//!
//! assert_eq!(prices.ready().await?.call(7).await?, 700);
//! assert_eq!(prices.ready().await?.call(7).await?, 700);
//! assert_eq!(ASKED.load(Ordering::Relaxed), 1);
//!
//! cache.remove(&Key::new("price:7")?).await?; // the price has changed
//! assert_eq!(prices.ready().await?.call(7).await?, 700);
//! assert_eq!(ASKED.load(Ordering::Relaxed), 2);
//! # Ok(())
//! # }
//! ```

mod layer;
mod mark;
mod service;

pub use self::layer::CacheLayer;
pub use self::mark::{Mark, Stale, Unmarked};
pub use self::service::Remember;

#[cfg(test)]
mod tests;
