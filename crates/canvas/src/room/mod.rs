//! One room for each open document: a task that owns the document, and handles to it.
//!
//! ```text
//!  Session ──frames──▶ inbox ─▶ Room: apply ─▶ append (one fsync for all that waits) ─▶ outboxes ─▶ Session
//!  Document ──edits──▶   "                                    │
//!                                                         DocStore
//! ```
//!
//! What a room promises:
//!
//! - Nothing is answered before the document is loaded, and a document that could not be loaded is never written.
//! - What another client sees, and what an edit acknowledges, is on the disk already.
//! - A slow reader loses nothing: over its budget it gets one difference instead of many updates.
//! - Edits made while a client was away arrive: the server asks for them with its own `SyncStep1`.
//! - The room ends, and gives its memory back, when the last session and the last [`Document`] are dropped.

mod actor;
mod batch;
mod command;
mod compaction;
mod document;
mod outbox;
mod people;
mod registry;
mod replica;
mod session;

pub use self::document::{Changes, Document};
pub use self::session::Session;

pub(crate) use self::registry::Registry;
