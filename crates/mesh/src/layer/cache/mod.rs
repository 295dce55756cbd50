//! Middleware that answers from memory, and lets equal prompts share one call.
//!
//! # What is equal
//!
//! Two prompts are equal when everything is that may change the answer: format, tenant, whether it is streamed, and
//! each field of the body, byte for byte. Only the order of the fields does not count, nor do fields that
//! [`Rules::ignored`] names, because they tell the provider who asks. Keys are compared whole, not by a
//! hash. Put the layer inside [`memory`](super::memory): then what was recalled is part of the body.
//!
//! # What is kept
//!
//! Whole answers to prompts that mean to get the same answer each time: a temperature of 0, or a seed, unless
//! [`Which::All`] says that one answer is as good as another. Never an error, a stream that was cut or left, an
//! answer that a filter withheld, or one whose prompt says [`Caching::Off`](crate::Caching::Off). Prompts that offer tools,
//! or go on with a conversation that the node keeps, pass through.
//!
//! # Shared calls
//!
//! Equal prompts at one time make one call. Each reads its stream at its own pace, and none needs a task: whoever is polled
//! polls the node for all. The node is left when the last reader leaves. Everybody gets the same error.
//!
//! # Examples
//!
//! ```
//! use maily_mesh::layer::cache::{CacheLayer, Rules};
//! use maily_mesh::memory::{Scripted, Step};
//! use maily_mesh::{CacheStatus, Prompt};
//! use tower::{Layer, ServiceExt};
//!
//! # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
//! let node = Scripted::new([Step::Answer("42".into()), Step::Answer("43".into())]);
//! let cache = CacheLayer::new(Rules::default()).layer(node.clone());
//! let body = r#"{"model":"m","temperature":0,"messages":[{"role":"user","content":"6 * 7?"}]}"#;
//!
//! let first = cache.clone().oneshot(Prompt::parse(body)?).await?.into_text().await?;
//! let again = cache.oneshot(Prompt::parse(body)?).await?;
//!
//! assert_eq!(again.head.cached.map(|cached| cached.status), Some(CacheStatus::Hit));
//! assert_eq!(again.into_text().await?, first);
//! assert_eq!(node.calls(), 1);
//! # Ok::<(), maily_errors::Error>(()) }).unwrap();
//! ```

mod fields;
mod flight;
mod future;
pub(super) mod kept;
pub(super) mod key;
mod layer;
mod service;
mod store;

pub use self::future::ResponseFuture;
pub use self::layer::{CacheLayer, Rules, Which};
pub use self::service::Cache;

#[cfg(test)]
mod tests;
