//! Middleware that answers a prompt with the answer to a similar one, under a bound on the error.
//!
//! It embeds what the person says last and looks for the nearest prompt that was answered. A [`Judge`] of that answer
//! draws: the answer is given again, or a node is asked. Whenever a node is asked, its answer shows whether the old
//! one would have been right, and the judge learns from that.
//!
//! # What is similar
//!
//! Two prompts may only differ in the words that the person says last. Everything else is compared byte for byte, as
//! the [cache](super::cache) compares it: format, tenant, model, rules, earlier messages, parameters, recalled memories.
//! Prompts with tools, or longer ones than [`Rules::max_text_bytes`], pass through; so do those that the cache does
//! not keep, and those that say [`Caching::Off`](crate::Caching::Off).
//!
//! # What is bounded
//!
//! Of all prompts at most the share [`Rules::max_wrong`] gets another answer than a node would have given, as far as the
//! assumptions of the [`Judge`] hold. Whether two answers agree is what [`Rules::agree`] says: by default they have the
//! same words. With a lower bound more is asked, and less is answered from memory.
//!
//! # What it costs
//!
//! Each prompt that may be similar waits for one embedding; one that takes too long goes on to a node. Put the layer
//! inside the exact cache, which needs none, and outside everything that costs a node. No task runs.
//!
//! # Examples
//!
//! ```
//! use maily_mesh::layer::similar::{Rules, SimilarLayer};
//! use maily_mesh::memory::{HashEmbedder, Scripted, Step};
//! use maily_mesh::{AnyEmbed, CacheStatus, Prompt};
//! use tower::{Layer, ServiceExt};
//!
//! # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
//! let node = Scripted::new([Step::Answer("Monday".into())]);
//! let rules = Rules { max_wrong: 0.05, seed: Some(1), ..Rules::default() };
//! let mesh = SimilarLayer::new(rules, AnyEmbed::new(HashEmbedder)).layer(node.clone());
//! let ask = |said: &str| {
//!     let said = format!(r#"{{"model":"m","temperature":0,"messages":[{{"role":"user","content":"{said}"}}]}}"#);
//!     mesh.clone().oneshot(Prompt::parse(said).unwrap())
//! };
//!
//! for number in 0..100 {
//!     ask(&format!("When does the big spring sale for all of our customers begin? {number}")).await?.into_text().await?;
//! }
//! let answer = ask("When does the big spring sale for all of our customers begin?").await?;
//!
//! assert_eq!(answer.head.cached.unwrap().status, CacheStatus::Similar);
//! assert_eq!(answer.into_text().await?, "Monday");
//! assert!(node.calls() < 60);
//! # Ok::<(), maily_errors::Error>(()) }).unwrap();
//! ```

mod agree;
mod future;
mod judge;
mod layer;
mod question;
mod service;
mod shelf;
mod store;

pub use self::future::ResponseFuture;
pub use self::judge::Judge;
pub use self::layer::{Rules, SimilarLayer};
pub use self::service::Similar;

#[cfg(test)]
mod simulation;
#[cfg(test)]
mod tests;
