//! Middleware that refuses what it cannot answer in time.
//!
//! So many prompts are under way at once and no more; the others wait for their turn, not longer than
//! [`queue`](Rules::queue), and so many of them and no more. Whoever is not let in gets
//! [`Code::Overloaded`](maily_errors::Code::Overloaded) with the time after which to come back. A prompt is under way until
//! the end of its answer's body.
//!
//! # Priority
//!
//! An [interactive](crate::Priority::Interactive) prompt goes before every [standard](crate::Priority::Standard) one that
//! waits, and that before every [batch](crate::Priority::Batch) prompt; when no place is left it takes that of the last
//! of the least important ones.
//!
//! # The limit
//!
//! With [`adaptive`](Rules::adaptive) it follows the time to the first byte: as long as that is what it usually is, more
//! and more prompts may be under way, up to [`max_inflight`](Rules::max_inflight); when it grows, fewer. Otherwise the
//! maximum is the limit.
//!
//! Source: Gradient2 of Netflix's concurrency-limits; ours learns ten times slower what is usual while the limit is
//! reached, because there the average follows the line that it should show.
//!
//! # Differences from `tower::load_shed` and `tower::limit`
//!
//! Those count calls until the head of the answer; a stream has hardly begun then. They know no priority, and no time
//! after which waiting is in vain.
//!
//! # Order
//!
//! Outside of whatever repeats: a prompt has one place however many attempts it takes.
//!
//! # Examples
//!
//! ```
//! use std::time::Duration;
//! use maily_errors::Code;
//! use maily_mesh::layer::shed::{Rules, ShedLayer};
//! use maily_mesh::memory::{Scripted, Step};
//! use maily_mesh::Prompt;
//! use tower::{Layer, ServiceExt};
//!
//! # tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap().block_on(async {
//! let rules = Rules { max_inflight: 1, queue: Duration::from_millis(100), ..Rules::default() };
//! let node = ShedLayer::new(rules).layer(Scripted::new([Step::Answer("Hello".into())]));
//! let first = node.clone().oneshot(Prompt::text("m", "Hi")?).await?;
//!
//! let err = node.clone().oneshot(Prompt::text("m", "Hi")?).await.unwrap_err();
//! assert_eq!(err.code(), Code::Overloaded);
//!
//! first.into_text().await?;
//! assert!(node.oneshot(Prompt::text("m", "Hi")?).await.is_ok());
//! # Ok::<(), maily_errors::Error>(()) }).unwrap();
//! ```

mod future;
mod gate;
mod layer;
mod limit;
mod service;

pub use self::future::ResponseFuture;
pub use self::layer::{Rules, ShedLayer};
pub use self::service::Shed;

#[cfg(test)]
mod tests;
