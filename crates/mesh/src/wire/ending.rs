//! Whether an answer that passes by came to its end.

use bytes::Bytes;

use crate::model::Format;

/// Watches the bytes of an answer for what says that it is whole.
///
/// Each mark has a quote or a line break that a text inside JSON has to escape, so no answer ends because it
/// speaks of ends.
///
/// A stream of chat or completions says `[DONE]`, or at least why it ended: some servers forget the
/// last line. One of messages says `message_stop`, one of responses how the response ended. An object ends
/// with its brace. Chunks are looked at where they lie; of each, at most 32 bytes are kept.
///
/// # Examples
///
/// ```
/// use bytes::Bytes;
/// use maily_mesh::{Format, wire::Ending};
///
/// let mut ending = Ending::new(Format::Messages, true);
/// ending.see(&Bytes::from_static(b"data: {\"type\":\"message_st"));
/// assert!(!ending.is_whole());
/// ending.see(&Bytes::from_static(b"op\"}\n\n"));
/// assert!(ending.is_whole());
/// ```
#[derive(Clone, Debug)]
pub struct Ending {
    marks: &'static [&'static [u8]],
    tail: Vec<u8>,
    seen: bool,
}

/// As long as the longest mark, so that none is lost between two chunks.
const KEPT_BYTES: usize = 32;

impl Ending {
    /// Begins to watch an answer.
    #[must_use]
    pub fn new(format: Format, streamed: bool) -> Self {
        let marks: &[&[u8]] = match (streamed, format) {
            (false, _) => &[],
            (true, Format::Chat | Format::Completions) => {
                &[b"\ndata: [DONE]", b"\ndata:[DONE]", b"\"finish_reason\":\"", b"\"finish_reason\": \""]
            }
            (true, Format::Messages) => &[b"\"message_stop\""],
            (true, Format::Responses) => {
                &[b"\"response.completed\"", b"\"response.incomplete\"", b"\"response.failed\""]
            }
        };
        // The first line has none in front of it.
        Self { marks, tail: vec![b'\n'], seen: false }
    }

    /// Sees a chunk. O(bytes) until the end was seen.
    pub fn see(&mut self, chunk: &Bytes) {
        if self.seen {
            return;
        }
        // First across the border to the chunk before, then inside.
        self.tail.extend_from_slice(&chunk[..chunk.len().min(KEPT_BYTES)]);
        self.seen = holds(&self.tail, self.marks) || holds(chunk, self.marks);
        let from = chunk.len().saturating_sub(KEPT_BYTES);
        if chunk.len() >= KEPT_BYTES {
            self.tail.clear();
            self.tail.extend_from_slice(&chunk[from..]);
        } else {
            self.tail.drain(..self.tail.len().saturating_sub(KEPT_BYTES));
        }
    }

    /// Returns whether what was seen is a whole answer.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        if self.marks.is_empty() { self.tail.trim_ascii_end().ends_with(b"}") } else { self.seen }
    }
}

fn holds(bytes: &[u8], marks: &[&[u8]]) -> bool {
    marks.iter().any(|mark| bytes.windows(mark.len()).any(|window| window == *mark))
}
