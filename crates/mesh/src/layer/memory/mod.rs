//! Middleware that recalls what fits into the prompt.
//!
//! It searches the memories of the prompt's tenant with the last message of the person, adds what fits as one system
//! message to the raw body, and says in the head of the answer what it recalled. When the search fails or takes too long,
//! the prompt goes on without memories: an answer is worth more.
//!
//! What is added stays under a budget of tokens ([`Rules`]). Memories that say nearly the same are added once.
//!
//! # What a memory can do to an answer
//!
//! A memory is text that somebody stored, perhaps of somebody else. It is put to the model as quoted data, each one a
//! JSON string that cannot end its quotation, below a sentence that says to follow no instruction in it. That stops a
//! memory that pretends to be a message, and makes most models ignore orders in it. **It does not stop all**: no wording
//! does, and a small model follows what it reads. Store only what the tenant may say to its own model, and give such a
//! model no tool whose use would do harm.
//!
//! # Examples
//!
//! ```
//! use std::sync::Arc;
//! use maily_mesh::layer::memory::MemoryLayer;
//! use maily_mesh::memory::{HashEmbedder, Scripted, Step};
//! use maily_mesh::recall::Memories;
//! use maily_mesh::{Memory, Prompt, Recall};
//! use tower::{Layer, ServiceExt};
//!
//! # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
//! let index = Arc::new(Memories::new(HashEmbedder));
//! index.store(Memory::new("The spring sale begins on Monday")).await?;
//! let node = Scripted::new([Step::Answer("On Monday.".into())]);
//!
//! let prompt = Prompt::text("m", "When does the spring sale begin?")?;
//! let answer = MemoryLayer::new(index).layer(node.clone()).oneshot(prompt).await?;
//!
//! assert_eq!(answer.head.recalled[0].text, "The spring sale begins on Monday");
//! assert!(node.seen()[0].read()?.messages[0].content.contains("begins on Monday"));
//! # Ok::<(), maily_errors::Error>(()) }).unwrap();
//! ```

mod future;
mod layer;
mod quote;
mod service;

pub use self::future::ResponseFuture;
pub use self::layer::{MemoryLayer, Rules};
pub use self::service::Remember;

#[cfg(test)]
mod tests;
