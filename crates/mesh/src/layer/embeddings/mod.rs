//! Middleware that makes each call of an embedder a span, and measures how long it takes.
//!
//! Both are the operation `embeddings` of the OpenTelemetry conventions that [`trace`](super::trace) and
//! [`meter`](super::meter) follow: a span `embeddings {model}`, and the histogram
//! `gen_ai_client_operation_duration_seconds` with operation, model, provider and, for what failed, `error_type`. The span
//! also has `maily.texts`, how many there were. The texts are never recorded.
//!
//! # Differences from `trace` and `meter`
//!
//! An embedder says neither which model it is nor how many tokens it read: the model is named where the layer is made, and
//! no tokens are counted. A call that is dropped is not measured. What is recalled for a prompt is a step of its trace.
//!
//! # Examples
//!
//! ```
//! use maily_mesh::layer::embeddings::EmbeddingsLayer;
//! use maily_mesh::memory::HashEmbedder;
//! use maily_mesh::Texts;
//! use tower::{Layer, ServiceExt};
//!
//! # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
//! let embedder = EmbeddingsLayer::new("maily", "hash").layer(HashEmbedder);
//! assert_eq!(embedder.oneshot(Texts::new(["Hi"])?).await?.len(), 1);
//! # Ok::<(), maily_errors::Error>(()) }).unwrap();
//! ```

mod future;
mod layer;
mod service;

pub use self::future::ResponseFuture;
pub use self::layer::EmbeddingsLayer;
pub use self::service::Embeddings;

#[cfg(test)]
mod tests;
