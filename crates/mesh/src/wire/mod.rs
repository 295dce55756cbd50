//! The OpenAI wire format: read a little, change less, pass the rest through.
//!
//! A request is read with borrowed `serde` types, only for what routing needs; nothing is
//! serialized again. For nodes that run a model in this process, [`answer`] writes the format.

mod delta;
mod read;
mod splice;
mod sse;
mod write;

pub use self::delta::Deltas;
pub use self::sse::{SseDecoder, SseEvent};
pub use self::write::{Chunks, DONE, answer, error_event};

pub(crate) use self::read::{last_user_text, read_chat, read_head};
pub(crate) use self::splice::{splice_model, splice_stream, splice_system};
pub(crate) use self::write::write_request;

#[cfg(test)]
mod tests;
