//! Chooses a node for each prompt.
//!
//! Of up to four nodes that serve the model the cheapest gets the prompt: the one on whose arc of a ring the prefix of the
//! prompt lies, the one that was sent most of the same prompt before, and two at random. Of two that cost the same the
//! first gets it, so that a prefix is cached at one node. A node costs
//!
//! ```text
//! expected time to the first byte × (1 + prompts ahead / weight) × (tokens that it has not cached + 32)
//! ```
//!
//! where a prompt whose first byte has not come counts as one ahead, and one that is being answered as an eighth.
//!
//! - The expectation follows peaks at once, and forgets them over ten seconds or 400 prompts of the fleet, whichever
//!   takes longer, but over two minutes at most. A failure counts as five seconds.
//! - What a node has cached is estimated by what it was sent: 4096 beginnings of prompts a node, in 32 KiB.
//! - For the sake of a prefix no node gets more than 1.25 times its share of the prompts in flight, so what is in demand
//!   spreads, and a node that falls behind is not sent more because it has more.
//! - A node that cannot be reached is left out for a second, then two, four, up to 30, and its cache is forgotten.
//! - A node that asks to slow down, by 429 or by 503 with `Retry-After`, is left out for that time, at most an hour.
//! - A node that fails half of its prompts is left out by its [breaker](crate::layer::breaker).
//! - What [other instances](crate::membership::share_load) have at a node counts for its capacity. That it was slow here is
//!   not forgotten while one of them remembers it, for ten minutes at most. A node of which
//!   one of them says that it fails is asked once a second, until it has answered this instance; when all are such, it
//!   does not matter.
//! - A node that is out counts for nothing: neither its load nor its expectation is compared with.
//! - When all that serve a model are left out, the one that comes back first is tried; one that asked to slow down, and
//!   one that drains, never is.
//!
//! What nodes say of themselves comes first, in this order: a [canary](Node::with_canary_pct) takes exactly its share,
//! a node with [room](Node::with_capacity) goes before one without, the [cheapest](Node::with_price) before one that is
//! not much faster, the own [zone](Node::with_zone) before another one that is not much faster. Shares follow
//! [weights](Node::with_weight).
//!
//! Sources: Mirrokni, Thorup and Zadimoghaddam, Consistent Hashing with Bounded Loads (2016); Mitzenmacher, The Power of
//! Two Choices in Randomized Load Balancing; peak EWMA and its constants as in linkerd2-proxy (`linkerd/proxy/balance`).
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

mod canary;
mod chain;
mod choose;
mod count;
mod future;
mod load;
mod node;
mod nodes;
mod prefixes;
mod ring;
mod rules;
mod service;
mod times;

pub use self::future::ResponseFuture;
pub(crate) use self::load::Heard;
pub use self::node::{Node, NodeStatus};
pub use self::nodes::{ModelStatus, Nodes};
pub use self::rules::Rules;
pub use self::service::Balance;
pub use self::times::Times;

#[cfg(test)]
mod tests;
