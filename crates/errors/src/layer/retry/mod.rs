//! Middleware that repeats a request as its error says. Feature `retry`.
//!
//! [`decide`](crate::retry::decide) reads the code, the status and the delay of the error, and whether the request is
//! idempotent; a [`Budget`](crate::retry::Budget) that all clones share bounds the repetitions of all requests.
//!
//! # Differences from `tower::retry`
//!
//! - There is no policy to write: whether a repetition is safe follows from the catalogue. A `POST` that timed out is
//!   not repeated, unless it has an `Idempotency-Key`; one that was refused before anything happened is.
//! - The other side's delay is waited exactly; otherwise full jitter over a range that doubles.
//! - No repetition begins after the deadline of its request.
//! - Once the retries, the budget or the time are spent, the error is [persistent](crate::Status::Persistent), here and
//!   in every service that it reaches, so that layers do not multiply their attempts.
//!
//! # Examples
//!
//! ```
//! use std::sync::atomic::{AtomicU32, Ordering};
//!
//! use maily_errors::layer::retry::RetryLayer;
//! use maily_errors::{Code, Error};
//! use tower::{ServiceBuilder, ServiceExt, service_fn};
//!
//! # tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap().block_on(async {
//! let calls = AtomicU32::new(0);
//! let shaky = service_fn(|question: &'static str| {
//!     let first = calls.fetch_add(1, Ordering::Relaxed) == 0;
//!     async move { if first { Err(Error::from(Code::Unavailable)) } else { Ok(question.len()) } }
//! });
//! let layer = RetryLayer::default().with_idempotent(|question: &&str| question.starts_with("get"));
//!
//! assert_eq!(ServiceBuilder::new().layer(layer).service(shaky).oneshot("get this").await?, 8);
//! # Ok::<(), Error>(()) }).unwrap();
//! ```

mod classify;
mod future;
mod layer;
mod service;

pub use self::classify::{ByMethod, Classify, Deadline};
pub use self::future::ResponseFuture;
pub use self::layer::RetryLayer;
pub use self::service::Retry;

#[cfg(test)]
mod tests;
