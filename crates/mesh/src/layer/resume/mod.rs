//! Middleware that continues a stream which breaks off, at another node.
//!
//! A connection that is cut, a node that falls silent, reports an error in the middle of its answer, sends what is no
//! event or ends without saying that it is done: the prompt is sent again with the text so far as the beginning
//! of the assistant's message, rather to a node that did not have it, and the reader gets the rest under the `id`, `created` and `model` of the
//! first stream, in every format: numbers and places of events go on, what opens an answer is told once, and what
//! repeats the text at its end repeats all of it. What the second node says again is left out, and the tokens are counted as one answer. A comment
//! tells where it happened, `: mesh.resumed {"after":17,"node":"b","attempt":2}`; event-stream clients read
//! over comments, and whoever decodes the answer gets it as [`Delta::Resumed`](crate::Delta::Resumed).
//!
//! An answer that is cut while the model only thinks begins anew at the other node, whose thoughts follow the first ones;
//! one that is cut behind its thoughts goes on with them. A node of chat that then thinks again ends the answer: what it says
//! would not fit.
//!
//! On the good path nothing is decoded: the chunks are kept by reference, and half an event is held back until the
//! rest of it is there. Beyond 64 KiB they are read and let go.
//!
//! # What is not continued
//!
//! A tool call, several choices, a thought behind the text, thoughts alone that are signed (their maker would refuse to see them
//! without the signature that was cut off, or beside those of another answer), a grammar or JSON schema (it would begin anew), an answer
//! that the client began itself (messages goes on with it), a refusal, annotations or probabilities of tokens in responses, a
//! text over [`Rules::max_bytes`]. Then the error reaches the reader, and
//! its context `resume` says why.
//!
//! # What it costs
//!
//! The first continuation of a stream is free as long as the shared [`Budget`](super::retry::Budget) is not spent; one
//! that breaks off again takes out what the prompt costs.
//!
//! # Examples
//!
//! ```
//! use maily_mesh::layer::resume::ResumeLayer;
//! use maily_mesh::memory::{Scripted, Step};
//! use maily_mesh::{Message, Prompt};
//! use tower::{Layer, ServiceExt};
//!
//! # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
//! let shaky = Scripted::new([Step::Cut("One, two, ".into()), Step::Answer("three.".into())]);
//! let prompt = Prompt::chat("m", &[Message::user("Count")], true)?;
//!
//! let answer = ResumeLayer::default().layer(shaky.clone()).oneshot(prompt).await?;
//!
//! assert_eq!(answer.into_text().await?, "One, two, three.");
//! let asked = shaky.seen()[1].read()?;
//! assert_eq!(asked.messages[1], Message::assistant("One, two,"));
//! # Ok::<(), maily_errors::Error>(()) }).unwrap();
//! ```

mod ask;
mod body;
mod edits;
mod framer;
mod future;
mod joint;
mod layer;
mod messages;
mod openai;
mod pen;
mod responses;
mod rest;
mod seam;
mod service;
mod told;

pub use self::future::ResponseFuture;
pub use self::layer::{ResumeLayer, Rules};
pub use self::service::Resume;

#[cfg(test)]
mod tests;
