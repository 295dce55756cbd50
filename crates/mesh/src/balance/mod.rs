//! Chooses a node for each prompt.
//!
//! Power of two choices: of two random nodes that serve the model, the one with the lower cost
//! gets the prompt. Cost = expected time to the first byte × prompts in flight. The expectation
//! follows peaks at once and forgets them over ten seconds; a failure counts as five seconds.
//!
//! - A node that cannot be reached is left out for a second, then two, four, up to 30.
//! - A node that asks to slow down is left out for its `Retry-After`, at most 300 s.
//! - When all that serve a model are left out, the one that has been unreachable longest is tried;
//!   one that asked to slow down never is.
//!
//! Sources: Mitzenmacher, The Power of Two Choices in Randomized Load Balancing; peak EWMA and its
//! constants as in linkerd2-proxy (`linkerd/proxy/balance`).
//!
//! # Examples
//!
//! ```
//! use maily_mesh::balance::{Balance, Node, Nodes};
//! use maily_mesh::memory::{Scripted, Step};
//! use maily_mesh::Prompt;
//! use tower::ServiceExt;
//!
//! # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
//! let nodes = Nodes::default();
//! nodes.insert(Node::new("left", Scripted::new([Step::Answer("Hello".into())])).with_model("small"));
//! nodes.insert(Node::new("right", Scripted::new([Step::Answer("Hello".into())])).with_model("small"));
//!
//! let answer = Balance::new(nodes).oneshot(Prompt::text("small", "Hi")?).await?;
//!
//! assert!(["left", "right"].contains(&answer.head.node.unwrap().as_str()));
//! # Ok::<(), maily_errors::Error>(()) }).unwrap();
//! ```

mod future;
mod load;
mod nodes;
mod service;

pub use self::future::ResponseFuture;
pub use self::nodes::{ModelStatus, Node, NodeStatus, Nodes};
pub use self::service::Balance;

#[cfg(test)]
mod tests;
