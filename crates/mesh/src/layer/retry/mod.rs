//! Middleware that repeats a prompt as long as nothing of its answer has been seen.
//!
//! It holds the answer back until its first byte is there: until then an error is repeated if
//! [`decide`](maily_errors::retry::decide) says so; afterwards it reaches the reader. A prompt that was not answered
//! may always be asked again, so the question whether it is idempotent does not arise.
//!
//! # Differences from `maily_errors::layer::retry`
//!
//! - It looks into the answer: a stream that breaks off before its first byte is repeated too.
//! - The budget is a fifth of the prompts and has no clock: a failing fleet sees at most 1.2 times the prompts.
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

mod future;
mod layer;
mod service;

pub use self::future::ResponseFuture;
pub use self::layer::{Policy, RetryLayer};
pub use self::service::Retry;

#[cfg(test)]
mod tests;
