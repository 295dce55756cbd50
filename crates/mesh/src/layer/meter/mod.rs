//! Middleware that counts prompts and measures their answers.
//!
//! | name | kind | labels beside model and operation |
//! |---|---|---|
//! | `maily_mesh_requests_total` | counter | `model` (no operation), `outcome` = `ok`, `canceled` or the name of the error's code |
//! | `gen_ai_client_operation_duration_seconds` | histogram | provider; `error_type` where it failed: the name of the code, or `canceled` |
//! | `gen_ai_client_operation_time_to_first_chunk_seconds` | histogram of streams | provider |
//! | `gen_ai_client_operation_time_per_output_chunk_seconds` | histogram of streams, one value for each chunk behind the first | provider |
//! | `gen_ai_client_token_usage` | histogram | provider, `gen_ai_token_type` = `input`, `output` |
//! | `gen_ai_server_time_to_first_token_seconds` | histogram of streams | provider |
//! | `gen_ai_server_time_per_output_token_seconds` | histogram of whole streams: from the first chunk to the last, by the tokens behind the first | provider |
//!
//! Names, units and [buckets](HISTOGRAMS) are those of the OpenTelemetry conventions for generative AI in the spelling of
//! Prometheus, [release 1.41](https://github.com/open-telemetry/semantic-conventions/blob/v1.41.0/docs/gen-ai/gen-ai-metrics.md),
//! the last one that has them; they go on in a [repository](https://github.com/open-telemetry/semantic-conventions-genai)
//! without a release, which changes nothing here but plans to split `gen_ai.client.token.usage` into counters. Model,
//! operation and provider are `gen_ai_request_model`, `gen_ai_operation_name` and `gen_ai_provider_name`, as
//! [`trace`](super::trace) has them. `server.address` is left to spans and `GET /v1/nodes`: with a thousand nodes it would
//! be ninety thousand series for each model.
//!
//! - The conventions have a client that calls a model and a server that runs it; a mesh is the one to its nodes and the
//!   other to its callers, so first chunk and first token are the same moment: when the caller gets it, with all retries
//!   before it.
//! - Tokens are those that the node says; where it says none, none are counted. An answer from memory took none, and
//!   its provider is `maily`.
//! - The model of a prompt that no node serves is `unknown`, and past 1000 names it is `other`, so that clients cannot
//!   make labels up.
//!
//! A prompt costs a look-up of its instruments, a chunk a look at the clock, one search for its count of tokens and
//! one record; neither allocates.
//!
//! # Examples
//!
//! ```
//! use maily_mesh::layer::meter::MeterLayer;
//! use maily_mesh::memory::{Scripted, Step};
//! use maily_mesh::Prompt;
//! use tower::{Layer, ServiceExt};
//!
//! # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
//! let node = MeterLayer::new().layer(Scripted::new([Step::Answer("Hello".into())]));
//! assert_eq!(node.oneshot(Prompt::text("m", "Hi")?).await?.into_text().await?, "Hello");
//! # Ok::<(), maily_errors::Error>(()) }).unwrap();
//! ```

mod future;
mod histogram;
mod instruments;
mod layer;
mod service;

pub use self::future::ResponseFuture;
pub(super) use self::histogram::DURATION;
pub use self::histogram::{HISTOGRAMS, HistogramInfo};
pub use self::layer::MeterLayer;
pub use self::service::Meter;

#[cfg(test)]
mod tests;
