//! Middleware that asks a second node when the first one is slower than usual to begin.
//!
//! "Usual" is the 95th percentile of the times to the first token, of prompts of the same model, size and kind. The
//! second attempt goes to a node that the prompt was not given to, or to none; the node that begins first
//! answers, and the other one is cancelled at once. Where one node of many is slow, the slowest answers come
//! as fast as the others and a few more tokens are read.
//!
//! The statistics are 128 counters for each model and class, for at most 256 of them; they forget
//! as new times come in. An extra attempt is taken out of the [`Budget`](super::retry::Budget) that retries
//! spend from, so that a fleet which is slow because it is overloaded is not asked twice for long.
//!
//! # Differences from `tower::hedge`
//!
//! It waits for the first token of the body, not for the head of the answer; it knows which node must not be
//! asked again; and its budget counts tokens.
//!
//! Source: Dean and Barroso, The Tail at Scale, "hedged requests".
//!
//! # Examples
//!
//! ```
//! use maily_mesh::balance::{Balance, Node, Nodes};
//! use maily_mesh::layer::hedge::HedgeLayer;
//! use maily_mesh::memory::{Scripted, Step};
//! use maily_mesh::Prompt;
//! use tower::{Layer, ServiceExt};
//!
//! # tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap().block_on(async {
//! let nodes = Nodes::default();
//! nodes.insert(Node::new("silent", Scripted::new([Step::Hang])));
//! nodes.insert(Node::new("fast", Scripted::new([Step::Answer("Hello".into())])));
//!
//! // Whichever node is asked first, the answer is that of the one which has one.
//! let answer = HedgeLayer::default().layer(Balance::new(nodes)).oneshot(Prompt::text("m", "Hi")?).await?;
//!
//! assert_eq!(answer.head.node.unwrap().as_str(), "fast");
//! # Ok::<(), maily_errors::Error>(()) }).unwrap();
//! ```

mod arm;
mod future;
mod layer;
mod quantile;
mod service;

pub use self::future::ResponseFuture;
pub use self::layer::{HedgeLayer, Patience};
pub use self::service::Hedge;

#[cfg(test)]
mod tests;
