//! Middleware that repeats a prompt as long as nothing of its answer has been seen.
//!
//! It holds the answer back until it [begins](crate::Body::poll_begin): a stream with the first token, an object
//! when it is whole. Until then an error is repeated if [`decide`](maily_errors::retry::decide) says so, at a node
//! that the prompt was not given to if there is one; afterwards it reaches the reader. A prompt that was not
//! answered may always be asked again, so the question whether it is idempotent does not arise.
//!
//! # Differences from `maily_errors::layer::retry`
//!
//! - It looks into the answer: a stream that breaks off before its first token is repeated too.
//! - The [`Budget`] counts tokens: a failing fleet sees 1.1 times the prompts, and eight.
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
