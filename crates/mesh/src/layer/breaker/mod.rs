//! Middleware that leaves a node alone which fails too often.
//!
//! It counts calls over a sliding window. When enough of them failed it opens: calls are refused at once, without the
//! node. After a while it lets a few probes pass; when they succeed it closes, when one fails it opens again, for twice
//! as long.
//!
//! # What counts
//!
//! Only what the node does wrong: it cannot be reached, answers 5xx, falls silent, breaks off. What the caller does wrong
//! (a prompt that is refused, an unknown model, leaving early) does not, and neither does a node that asks for a pause: it
//! is healthy and busy, and a breaker that opens on 429 and 503 with `Retry-After` turns a busy fleet into a dead one.
//! A caller that leaves says nothing about the node either.
//!
//! # Differences from a breaker that counts failures in a row
//!
//! - The share decides, over at least [`min_calls`](Rules::min_calls), so that one burst at high concurrency does not.
//! - The time it stays open is [jittered](Rules::jitter), so that several meshes do not probe a node in one moment.
//! - A stream that breaks off in its middle is a failure, though its first byte was a success.
//!
//! # Order
//!
//! One for each node, inside of whatever chooses among nodes. [`Balance`](crate::balance::Balance) keeps one for each of
//! its nodes, sends prompts past those that are open, and asks one anyway when all of them are.
//!
//! # Examples
//!
//! ```
//! use maily_errors::Code;
//! use maily_mesh::layer::breaker::{BreakerLayer, Rules};
//! use maily_mesh::memory::{Scripted, Step};
//! use maily_mesh::Prompt;
//! use tower::{Layer, ServiceExt};
//!
//! # tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap().block_on(async {
//! let broken = Scripted::new([Step::Fail(Code::NodeFailed)]);
//! let rules = Rules { min_calls: 10, ..Rules::default() };
//! let node = BreakerLayer::new(rules).layer(broken.clone());
//!
//! for _ in 0..50 {
//!     node.clone().oneshot(Prompt::text("m", "Hi")?).await.unwrap_err();
//! }
//!
//! assert_eq!(broken.calls(), 10);
//! let err = node.oneshot(Prompt::text("m", "Hi")?).await.unwrap_err();
//! assert_eq!(err.code(), Code::BreakerOpen);
//! # Ok::<(), maily_errors::Error>(()) }).unwrap();
//! ```
//!
//! Source: Nygard, Release It!, section 5.2; the sliding window by share of resilience4j.

mod circuit;
mod future;
mod layer;
mod service;
mod window;

pub use self::circuit::{Call, Circuit, State};
pub use self::future::ResponseFuture;
pub use self::layer::{BreakerLayer, Rules};
pub use self::service::Breaker;

#[cfg(test)]
mod tests;
