//! Middleware that fails a request which takes too long.
//!
//! # Differences from `tower::timeout`
//!
//! The error is a [`maily_errors::Error`] of kind `Timeout`, so a retry layer above can ask
//! [`is_temporary`](maily_errors::Error::is_temporary) without a downcast.
//!
//! # Examples
//!
//! ```
//! use std::time::Duration;
//!
//! use maily_errors::{Error, Kind};
//! use maily_redis::layer::deadline::DeadlineLayer;
//! use tower::{ServiceBuilder, ServiceExt, service_fn};
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() {
//! let silent = service_fn(|()| std::future::pending::<Result<(), Error>>());
//! let service = ServiceBuilder::new().layer(DeadlineLayer::new(Duration::from_secs(1))).service(silent);
//!
//! assert_eq!(service.oneshot(()).await.unwrap_err().kind(), Kind::Timeout);
//! # }
//! ```

mod future;
mod layer;
mod service;

pub use self::future::ResponseFuture;
pub use self::layer::DeadlineLayer;
pub use self::service::Deadline;

#[cfg(test)]
mod tests;
