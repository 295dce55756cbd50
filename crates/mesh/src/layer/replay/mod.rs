//! Middleware that lets a reader who lost the connection come back.
//!
//! The events of a stream whose prompt [asks for it](crate::Prompt::with_event_ids) are numbered, and kept for a while.
//! A reader who comes back with the same prompt and the [last event](crate::Prompt::with_last_event) that it has gets
//! what was sent behind it, and then the rest: the node was told to stop when the reader left, so the
//! [resume](super::resume) layer below asks for the rest from the text so far. Other streams pass untouched.
//!
//! # Limits
//!
//! [`Keep`]: 256 KiB of a stream, 16 MiB and 1,024 streams in all, 60 s after the last event. What is over a
//! limit is gone, the oldest stream first; then the answer is [`Code::StreamGone`](maily_errors::Code::StreamGone).
//! A stream belongs to its prompt and tenant: whoever sends another prompt does not get it.
//!
//! # Several instances
//!
//! Streams are kept in this process, unless [`share`](ReplayLayer::share) says where else: in
//! [`Transcripts`](crate::Transcripts), where a reader finds them who comes back to another instance, also because this one
//! was killed. Then
//!
//! - the reader gets an event when it is kept, not before: what somebody has seen is never lost with an instance. That costs
//!   the time of one write for each chunk;
//! - the instance that goes on with a stream writes its next page, and who comes second with a page stops, with
//!   [`Code::StreamCut`](maily_errors::Code::StreamCut): no two instances tell one stream;
//! - while transcripts cannot be reached, streams go on and are not kept;
//! - pages are kept until the deadline of the prompt and the [time](Keep::time) behind it; [`Keep`] bounds what one instance
//!   puts there.
//!
//! # Order
//!
//! Outside [resume](super::resume), which hands on whole events and can begin in the middle of an answer.
//!
//! # Examples
//!
//! ```
//! use futures_util::StreamExt;
//! use maily_mesh::layer::replay::ReplayLayer;
//! use maily_mesh::layer::resume::ResumeLayer;
//! use maily_mesh::memory::{Scripted, Step};
//! use maily_mesh::{EventId, Message, Prompt};
//! use tower::{Layer, ServiceExt};
//!
//! # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
//! let node = Scripted::new([Step::Answer("One, two, three.".into()), Step::Answer("three.".into())]);
//! let mesh = ReplayLayer::default().layer(ResumeLayer::default().layer(node));
//! let prompt = Prompt::chat("m", &[Message::user("Count")], true)?;
//!
//! // The reader gets two events, then its connection is lost.
//! let mut body = mesh.clone().oneshot(prompt.clone().with_event_ids()).await?.body;
//! let (first, _) = (body.next().await.unwrap()?, body.next().await.unwrap()?);
//! drop(body);
//!
//! // Of these it saw the first one only.
//! let id = std::str::from_utf8(&first).unwrap().strip_prefix("id: ").unwrap().lines().next().unwrap();
//! let rest = mesh.oneshot(prompt.with_last_event(id.parse()?)).await?;
//!
//! assert_eq!(rest.into_text().await?, "One, two, three.");
//! # Ok::<(), maily_errors::Error>(()) }).unwrap();
//! ```

mod body;
mod events;
mod future;
mod kept;
mod layer;
mod page;
mod room;
mod service;
mod shared;
mod shelf;

pub use self::future::ResponseFuture;
pub use self::layer::{Keep, ReplayLayer};
pub use self::service::Replay;

#[cfg(test)]
mod tests;
