//! Middleware that makes each prompt a span, and passes its W3C trace context on.
//!
//! The span lives until the body has ended, so it has the tokens and the error of a stream that breaks off. It is named
//! after the operation and the model, `chat small`, and has the attributes of the OpenTelemetry conventions for
//! generative AI, [release 1.41](https://github.com/open-telemetry/semantic-conventions/blob/v1.41.0/docs/gen-ai/gen-ai-spans.md)
//! and the [repository](https://github.com/open-telemetry/semantic-conventions-genai) in which they go on since:
//!
//! | attribute | what |
//! |---|---|
//! | `gen_ai.operation.name` | `chat` (chat, messages, responses) or `text_completion` |
//! | `gen_ai.provider.name` | of the [endpoint](crate::Endpoint) that answered; `maily` for an answer from memory |
//! | `gen_ai.request.model`, `.max_tokens`, `.stream` | what was asked for |
//! | `gen_ai.response.model`, `.finish_reasons` | what the node says; of responses why they are incomplete, else their status |
//! | `gen_ai.response.time_to_first_chunk` | seconds, of a stream |
//! | `gen_ai.usage.input_tokens`, `.output_tokens`, `.cache_read.input_tokens`, `.reasoning.output_tokens` | as the node counts; nothing where it does not |
//! | `server.address`, `server.port` | the node that answered |
//! | `error.type` | the name of the error's code; `canceled` when the reader left |
//! | `maily.node`, `maily.recalled`, `maily.chunks` | who answered, memories in the prompt, pieces of the answer |
//!
//! `trace_id` and `span_id` (with `parent_span_id` above them and the flag `sampled`) are those of the `traceparent` that the layers below see. Each attempt at a node is a span
//! `attempt` of its own below it, made by [`Balance`](crate::balance::Balance), and its id is the parent that the node
//! reads: attempts of a retry, a hedge or a resumed stream differ in it.
//!
//! # Differences from `tower_http::trace`
//!
//! Neither the prompt nor the answer is ever recorded. A prompt without a trace goes on in that of the
//! request that is being answered ([`TraceContext::current`](maily_errors::TraceContext::current)), or begins one.
//! Without a subscriber that wants the span it costs the ids, and the body passes unread.
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
mod seen;
mod service;

pub use self::future::ResponseFuture;
pub use self::layer::TraceLayer;
pub use self::service::Trace;

#[cfg(test)]
mod tests;
