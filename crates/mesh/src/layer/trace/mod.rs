//! Middleware that makes each prompt a span, and passes its W3C trace context on.
//!
//! The span lives until the body has ended, so it has the tokens and the error of a stream that
//! breaks off. Its fields follow the OpenTelemetry conventions for generative AI: `gen_ai.operation.name`,
//! `gen_ai.request.model`, `gen_ai.request.max_tokens`, `error.type`; `maily.node` says who answered.
//!
//! # Differences from `tower_http::trace`
//!
//! Neither the prompt nor the answer is ever recorded. A prompt without a trace goes on in that of the
//! request that is being answered ([`TraceContext::current`](maily_errors::TraceContext::current)), or begins one.
//!
//! # Examples
//!
//! ```
//! use maily_mesh::layer::trace::TraceLayer;
//! use maily_mesh::memory::{Scripted, Step};
//! use maily_errors::TraceContext;
//! use maily_mesh::Prompt;
//! use tower::{Layer, ServiceExt};
//!
//! # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
//! let node = Scripted::new([Step::Answer("Hello".into())]);
//! let browser = TraceContext::root();
//!
//! TraceLayer::new().layer(node.clone()).oneshot(Prompt::text("m", "Hi")?.with_trace(browser)).await?;
//!
//! let seen = node.seen().pop().unwrap().head.trace.unwrap();
//! assert_eq!(seen.trace_id(), browser.trace_id());
//! # Ok::<(), maily_errors::Error>(()) }).unwrap();
//! ```

mod future;
mod layer;
mod service;

pub use self::future::ResponseFuture;
pub use self::layer::TraceLayer;
pub use self::service::Trace;

#[cfg(test)]
mod tests;
