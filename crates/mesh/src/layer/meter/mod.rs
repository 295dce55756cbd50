//! Middleware that counts prompts and measures their answers.
//!
//! | name | kind | labels |
//! |---|---|---|
//! | `maily_mesh_requests_total` | counter | `model`, `outcome` = `ok`, `canceled` or the name of the error's code |
//! | `gen_ai_server_time_to_first_token_seconds` | histogram | `model` |
//! | `gen_ai_server_time_per_output_token_seconds` | histogram | `model` |
//! | `gen_ai_server_request_duration_seconds` | histogram | `model` |
//!
//! A node sends about one token in one chunk, so the time between chunks stands for the third.
//! The model of a prompt that no node serves is `unknown`, so that clients cannot make labels up.
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
mod instruments;
mod layer;
mod service;

pub use self::future::ResponseFuture;
pub use self::layer::MeterLayer;
pub use self::service::Meter;

#[cfg(test)]
mod tests;
