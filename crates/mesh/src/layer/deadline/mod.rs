//! Middleware that leaves a node which is silent for too long.
//!
//! A stream has three limits: to its head, to its first token, and between two tokens. A role, a comment
//! or a ping is no token, so a node that only keeps the connection alive is left too. An answer that comes as
//! one object has one limit. The deadline of the prompt bounds them all and covers every attempt of a
//! retry layer above. The time to connect belongs to the adapter, which makes connections.
//!
//! # Differences from `tower::timeout`
//!
//! It watches the body, not only the answer's head: a model that falls silent in the middle of a
//! sentence is left too. The error is [`Code::Timeout`](maily_errors::Code::Timeout), temporary, and
//! names the phase.
//!
//! # Order
//!
//! Inside retry each attempt has its own time to the first token. Outside, one slow node uses up the
//! time of all.
//!
//! # Examples
//!
//! ```
//! use std::time::Duration;
//! use maily_errors::Code;
//! use maily_mesh::layer::deadline::{DeadlineLayer, Limits};
//! use maily_mesh::memory::{Scripted, Step};
//! use maily_mesh::Prompt;
//! use tower::{Layer, ServiceExt};
//!
//! # tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap().block_on(async {
//! let silent = Scripted::new([Step::Hang]);
//! let limits = Limits { whole: Duration::from_secs(5), ..Limits::default() };
//!
//! let err = DeadlineLayer::new(limits).layer(silent).oneshot(Prompt::text("m", "Hi")?).await.unwrap_err();
//!
//! assert_eq!(err.code(), Code::Timeout);
//! # Ok::<(), maily_errors::Error>(()) }).unwrap();
//! ```

mod body;
mod future;
mod layer;
mod phase;
mod service;

pub use self::future::ResponseFuture;
pub use self::layer::{DeadlineLayer, Limits};
pub use self::service::Deadline;

#[cfg(test)]
mod tests;
