//! Middleware that refuses requests over a rate, counted over all processes.
//!
//! # Differences from `tower::limit::rate`
//!
//! It counts by key, together with every process that shares the store, and refuses at once instead of making the
//! request wait: the error is of kind `Throttled` and says when to come back. It asks the store before each request,
//! in one round trip; if the store fails, the limiter's [`OnFailure`](crate::limit::OnFailure) decides.
//!
//! # Examples
//!
//! ```
//! use std::time::Duration;
//!
//! use maily_errors::{Error, Kind};
//! use maily_redis::layer::limit::LimitLayer;
//! use maily_redis::limit::{Limiter, OnFailure, Quota};
//! use maily_redis::{Key, MemoryStore};
//! use tower::{Service, ServiceBuilder, ServiceExt, service_fn};
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() -> maily_errors::Result<()> {
//! let limiter = Limiter::new(MemoryStore::default(), Quota::new(1, Duration::from_secs(60)), OnFailure::Refuse)?;
//! // By sender; a request without one is not limited. Names that are too long for a key count as one.
//! let by_sender = |sender: &&'static str| {
//!     let key = |name| Key::new(name).or_else(|_| Key::new("too long")).ok();
//!     (!sender.is_empty()).then_some(*sender).and_then(key)
//! };
//! let mut send = ServiceBuilder::new()
//!     .layer(LimitLayer::new(limiter, by_sender))
//!     .service(service_fn(|sender: &'static str| async move { Ok::<_, Error>(sender) }));
//!
//! assert_eq!(send.ready().await?.call("ada").await?, "ada");
//! let err = send.ready().await?.call("ada").await.unwrap_err();
//! assert_eq!((err.kind(), err.retry_after()), (Kind::Throttled, Some(Duration::from_secs(60))));
//! assert_eq!(send.ready().await?.call("bob").await?, "bob");
//! assert_eq!(send.ready().await?.call("").await?, "");
//! # let long = "a".repeat(2000).leak();
//! # assert_eq!(send.ready().await?.call(long).await?, long);
//! # assert!(send.ready().await?.call(long).await.is_err());
//! # Ok(())
//! # }
//! ```

mod future;
mod layer;
mod service;

pub use self::future::ResponseFuture;
pub use self::layer::LimitLayer;
pub use self::service::Limit;

#[cfg(test)]
mod tests;
