//! The wire formats: read a little, change less, pass the rest through.
//!
//! A request is read with borrowed `serde` types, only for what routing needs; nothing is
//! serialized again. For nodes that run a model in this process, [`answer`] writes the format.

mod convert;
mod decode;
mod encode;
mod ending;
mod estimate;
mod json;
mod read;
mod resumed;
mod spans;
mod splice;
mod sse;
mod token;
mod usage;

pub use self::decode::Deltas;
pub use self::encode::{Chunks, DONE, answer, error_event, error_event_of, error_type};
pub use self::ending::Ending;
pub use self::resumed::Resumed;
pub use self::sse::{SseDecoder, SseEvent};

pub(crate) use self::convert::convert;
pub(crate) use self::encode::write_request;
pub(crate) use self::estimate::estimate_tokens;
pub(crate) use self::json::{Object, as_text, list};
pub(crate) use self::read::{last_text, last_user_text, read_chat, read_head};
pub(crate) use self::spans::Spans;
pub(crate) use self::splice::{splice_model, splice_stream, splice_system};
pub(crate) use self::token::{only_keeps_alive, says_something, whole_events};
pub(crate) use self::usage::{Tokens, UsageReader};

#[cfg(test)]
mod tests;
