//! Middleware that lets every client ask a node that knows one protocol.
//!
//! A prompt in a format that the node takes passes byte for byte, and so does its answer: this layer is then
//! one branch. Any other prompt is said again in chat, or in messages or responses where the node takes only that, and the
//! answer is turned back event by event, without a task or a channel. What the node's format has no words for
//! is [`Code::PromptUntranslatable`](maily_errors::Code::PromptUntranslatable) with the field by JSON Pointer;
//! nothing that changes the answer is left out in silence. The guide of the mesh has the table of what is lost.
//!
//! An answer that breaks off breaks off in every format: after an error there is no end.
//!
//! # Examples
//!
//! ```
//! use maily_mesh::layer::translate::TranslateLayer;
//! use maily_mesh::memory::{Scripted, Step};
//! use maily_mesh::{Format, Formats, Prompt};
//! use futures_util::TryStreamExt;
//! use tower::{Layer, ServiceExt};
//!
//! # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
//! let node = Scripted::new([Step::Answer("Hello".into())]);
//! let prompt = Prompt::parse_as(
//!     Format::Messages,
//!     r#"{"model":"m","max_tokens":9,"system":"Be brief.","messages":[{"role":"user","content":"Hi"}]}"#,
//! )?;
//!
//! let answer = TranslateLayer::new(Formats::CHAT).layer(node.clone()).oneshot(prompt).await?;
//!
//! assert_eq!(node.seen()[0].read()?.messages[0].content, "Be brief.");
//! let body = answer.body.try_collect::<Vec<_>>().await?.concat();
//! assert!(String::from_utf8_lossy(&body).contains(r#""content":[{"type":"text","text":"Hello"}]"#));
//! # Ok::<(), maily_errors::Error>(()) }).unwrap();
//! ```

mod future;
mod layer;
mod service;

pub use self::future::ResponseFuture;
pub use self::layer::TranslateLayer;
pub use self::service::Translate;

#[cfg(test)]
mod tests;
