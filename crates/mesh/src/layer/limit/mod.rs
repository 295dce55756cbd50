//! Middleware that lets each key spend what it may: prompts, tokens, money.
//!
//! A prompt says by [`with_key`](crate::Prompt::with_key) whose it is; one without a key passes. What a key may stands in
//! its [`KeyConfig`](crate::KeyConfig): prompts and tokens a minute, prompts under way, a budget for a day, a month or
//! for good, models, and the best [class](crate::Priority) of its prompts.
//!
//! # Reserve, then settle
//!
//! Before the call a prompt reserves what it may take: itself, its tokens by bytes, the tokens of its answer by
//! `max_tokens` (or [`answer_tokens`](crate::KeyConfig::answer_tokens)), and what both cost. With the end of the answer it
//! is settled by what the node counted; by what was seen pass if the node counts nothing. That happens when the body is
//! dropped, so it cannot be left out: after an error, when the client leaves, when a task is cancelled.
//!
//! | what became of the prompt | is spent |
//! |---|---|
//! | it was answered | what the node says, or what was seen |
//! | the answer broke off, or the client left | its prompt, and what was seen until then |
//! | the client left before the answer began | its prompt |
//! | it failed before the answer began | the request |
//! | it was answered from memory, by a call that an equal prompt began, or comes back to a stream that has ended | the request |
//! | the one that began the call left before its end | as if it had begun it, by the first that reads to the end |
//!
//! An answer that is longer than expected goes on: it holds more and more while it runs. What it holds above the limit is
//! a debt of this instance, which is paid before anybody else gets something.
//!
//! What is no prompt takes a [`Charge`]: texts that become vectors their tokens, anything else a request.
//!
//! # Leases
//!
//! Limits are shared through [`Accounts`](crate::Accounts). An instance draws a sixteenth of what is left, or what a prompt
//! needs if that is more, and spends it by itself: a prompt costs a round trip only when the lease is used up. No
//! more is drawn than the limit, so nothing is spent above it but what answers took beyond what was reserved for them.
//!
//! # Answers
//!
//! Every answer to a key has the headers that the clients of its format read (`x-ratelimit-*`, `anthropic-ratelimit-*`),
//! and so has every refusal, as its [`PassedOn`](crate::PassedOn) source. [`Code::KeyLimit`] comes with the time until the
//! window ends; [`Code::BudgetSpent`] is not worth a retry before; [`Code::PromptOverLimit`] never is.
//!
//! Counters: `maily_mesh_key_requests_total` (labels `key`, `outcome`), `maily_mesh_key_tokens_total`,
//! `maily_mesh_key_cost_micros_total` (label `key`).
//!
//! # Order
//!
//! Outermost: what is refused costs no place and no work. Around the cache, which says what was free.
//!
//! # Examples
//!
//! ```
//! use maily_errors::Code;
//! use maily_mesh::layer::limit::{Keys, LimitLayer};
//! use maily_mesh::memory::{Scripted, Step};
//! use maily_mesh::{KeyConfig, PassedOn, Prompt};
//! use tower::{Layer, ServiceExt};
//!
//! # tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap().block_on(async {
//! let keys = Keys::default();
//! keys.insert(KeyConfig::new("team-a").with_requests_per_minute(1))?;
//! let node = LimitLayer::new(keys.clone()).layer(Scripted::new([Step::Answer("Hello you".into())]));
//!
//! let answer = node.clone().oneshot(Prompt::text("m", "Hi")?.with_key("team-a")).await?;
//! assert_eq!(answer.head.headers["x-ratelimit-remaining-requests"], "0");
//! answer.into_text().await?;
//! assert_eq!(keys.usage()[0].tokens, 3);
//!
//! let err = node.oneshot(Prompt::text("m", "Hi")?.with_key("team-a")).await.unwrap_err();
//! assert_eq!(err.code(), Code::KeyLimit);
//! assert_eq!(PassedOn::of(&err).unwrap()["x-ratelimit-remaining-requests"], "0");
//! # Ok::<(), maily_errors::Error>(()) }).unwrap();
//! ```
//!
//! [`Code::KeyLimit`]: maily_errors::Code::KeyLimit
//! [`Code::BudgetSpent`]: maily_errors::Code::BudgetSpent
//! [`Code::PromptOverLimit`]: maily_errors::Code::PromptOverLimit

mod bill;
mod charge;
mod count;
mod future;
mod headers;
mod keys;
mod layer;
mod price;
mod purse;
mod service;
mod tab;
mod usage;
mod watched;

pub use self::charge::Charge;
pub(crate) use self::count::retold;
pub use self::future::ResponseFuture;
pub use self::keys::Keys;
pub use self::layer::LimitLayer;
pub use self::service::Limit;
pub use self::usage::{KeyUsage, LimitUsage};

#[cfg(test)]
mod tests;
