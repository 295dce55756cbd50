//! Middleware that repeats a prompt as long as nothing of its answer has been seen.
//!
//! It holds the answer back until its first byte is there: until then an error is repeated if it
//! [is temporary](maily_errors::Error::is_temporary); afterwards it reaches the reader.
//!
//! # Differences from `tower::retry`
//!
//! - One budget for all prompts keeps the load on a failing fleet at 1.2 times the prompts.
//! - The node's `Retry-After` is the shortest wait; longer than the policy or the deadline allows
//!   means no retry at all.
//! - The last error is [persistent](maily_errors::Status::Persistent), so that a layer above does
//!   not multiply the attempts.
//!
//! # Examples
//!
//! ```
//! use maily_errors::Code;
//! use maily_mesh::layer::retry::{Policy, RetryLayer};
//! use maily_mesh::memory::{Scripted, Step};
//! use maily_mesh::Prompt;
//! use tower::{Layer, ServiceExt};
//!
//! # tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap().block_on(async {
//! let shaky = Scripted::new([Step::Fail(Code::NodeFailed), Step::Answer("Hello".into())]);
//!
//! let answer = RetryLayer::new(Policy::default()).layer(shaky).oneshot(Prompt::text("m", "Hi")?).await?;
//!
//! assert_eq!(answer.into_text().await?, "Hello");
//! # Ok::<(), maily_errors::Error>(()) }).unwrap();
//! ```

mod budget;
mod future;
mod layer;
mod service;

pub use self::budget::Budget;
pub use self::future::ResponseFuture;
pub use self::layer::{Policy, RetryLayer};
pub use self::service::Retry;

#[cfg(test)]
mod tests;
