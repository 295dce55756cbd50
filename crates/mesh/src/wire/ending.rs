//! Whether an answer that passes by came to its end.

use memchr::memmem;

use crate::model::Format;

/// Watches the bytes of an answer for what says that it is whole.
///
/// Each mark has a quote or a line break that a text inside JSON has to escape, so no answer ends because it
/// speaks of ends.
///
/// A stream of chat or completions says `[DONE]`, or at least why it ended: some servers forget the
/// last line. One of messages says `message_stop`, one of responses how the response ended. An object ends
/// with its brace.
///
/// These stand in the last 2 KiB, so a chunk costs no more than to keep them, and the search is for the end. Only
/// the event that ends responses repeats the whole answer: there each chunk is searched, 16 bytes at a time.
///
/// # Examples
///
/// ```
/// use maily_mesh::{Format, wire::Ending};
///
/// let mut ending = Ending::new(Format::Messages, true);
/// ending.see(b"data: {\"type\":\"message_st");
/// assert!(!ending.is_whole());
/// ending.see(b"op\"}\n\n");
/// assert!(ending.is_whole());
/// ```
#[derive(Clone, Debug)]
pub struct Ending {
    marks: &'static [&'static [u8]],
    /// How many bytes are kept.
    keep: usize,
    /// Whether each chunk is searched.
    eager: bool,
    tail: Vec<u8>,
    /// Whether the tail is not all that was seen.
    cut: bool,
    seen: bool,
}

/// Room for a chunk that says why the answer ended, one that counts tokens, and the last line.
const TAIL_BYTES: usize = 2048;
/// As long as the longest mark, so that none is lost between two chunks.
const MARK_BYTES: usize = 32;

impl Ending {
    /// Begins to watch an answer. Allocates with the first chunk that is not the last.
    #[must_use]
    pub const fn new(format: Format, streamed: bool) -> Self {
        let marks: &[&[u8]] = match (streamed, format) {
            (false, _) => &[],
            (true, Format::Chat | Format::Completions | Format::Embeddings) => {
                &[b"\ndata: [DONE]", b"\ndata:[DONE]", b"\"finish_reason\":\"", b"\"finish_reason\": \""]
            }
            (true, Format::Messages) => &[b"\"message_stop\""],
            (true, Format::Responses) => {
                &[b"\"response.completed\"", b"\"response.incomplete\"", b"\"response.failed\""]
            }
        };
        let eager = streamed && matches!(format, Format::Responses);
        let keep = if eager || !streamed { MARK_BYTES } else { TAIL_BYTES };
        Self { marks, keep, eager, tail: Vec::new(), cut: false, seen: false }
    }

    /// Sees a chunk.
    pub fn see(&mut self, chunk: &[u8]) {
        if self.eager && !self.seen {
            self.seen = holds(chunk, self.marks);
        }
        let (chunk, cut) = last(chunk, self.keep);
        let keep = self.keep - chunk.len();
        self.cut |= cut || self.tail.len() > keep;
        if self.tail.len() > keep {
            self.tail.drain(..self.tail.len() - keep);
        }
        self.tail.extend_from_slice(chunk);
        // Across the border to the chunk before.
        if self.eager && !self.seen {
            self.seen = holds(&self.tail, self.marks);
        }
    }

    /// Returns whether what was seen is a whole answer.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.judge(&self.tail, self.cut)
    }

    /// Returns whether what was seen and a last chunk are a whole answer. Copies nothing if it is the only chunk.
    #[must_use]
    pub fn is_whole_with(&mut self, chunk: &[u8]) -> bool {
        if self.tail.is_empty() && !self.eager {
            let (tail, cut) = last(chunk, self.keep);
            return self.judge(tail, cut);
        }
        self.see(chunk);
        self.is_whole()
    }

    fn judge(&self, tail: &[u8], cut: bool) -> bool {
        match self.marks {
            [] => tail.trim_ascii_end().ends_with(b"}"),
            _ if self.eager => self.seen,
            // The first line has no line break in front of it.
            marks => holds(tail, marks) || (!cut && tail.starts_with(b"data: [DONE]")),
        }
    }
}

/// The last bytes of a chunk, and whether there are others before.
fn last(chunk: &[u8], keep: usize) -> (&[u8], bool) {
    let from = chunk.len().saturating_sub(keep);
    (&chunk[from..], from > 0)
}

fn holds(bytes: &[u8], marks: &[&[u8]]) -> bool {
    marks.iter().any(|mark| memmem::find(bytes, mark).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAME: &[u8] = b"data: {\"choices\":[{\"delta\":{\"content\":\"x\"},\"finish_reason\":null}]}\n\n";

    fn is_whole(format: Format, streamed: bool, chunks: &[&[u8]]) -> bool {
        let mut ending = Ending::new(format, streamed);
        chunks.iter().for_each(|chunk| ending.see(chunk));
        let whole = ending.is_whole();
        // With the last chunk told apart it is the same.
        let mut ending = Ending::new(format, streamed);
        let (last, before) = chunks.split_last().unwrap();
        before.iter().for_each(|chunk| ending.see(chunk));
        assert_eq!(ending.is_whole_with(last), whole);
        whole
    }

    #[test]
    fn stream_of_chat_ends_with_a_line_or_a_reason() {
        let frames = FRAME.repeat(100);
        for end in [&b"data: [DONE]\n\n"[..], b"data:[DONE]", b"data: {\"finish_reason\": \"stop\"}\n\n"] {
            assert!(is_whole(Format::Chat, true, &[&frames, end]));
            assert!(is_whole(Format::Chat, true, &[&[&frames[..], end].concat()]));
        }
        assert!(is_whole(Format::Chat, true, &[b"data: [DONE]\n\n"]));
        assert!(!is_whole(Format::Chat, true, &[&frames]));
        assert!(!is_whole(Format::Chat, true, &[b""]));
    }

    #[test]
    fn mark_is_found_wherever_it_is_cut() {
        for (format, end) in [
            (Format::Chat, &b"\ndata: [DONE]\n\n"[..]),
            (Format::Messages, b"{\"type\":\"message_stop\"}"),
            (Format::Responses, b"{\"type\":\"response.completed\"}"),
        ] {
            let text = [&FRAME.repeat(40), end].concat();
            for cut in text.len() - end.len() - 2..text.len() {
                assert!(is_whole(format, true, &[&text[..cut], &text[cut..]]), "{format:?} at {cut}");
            }
        }
    }

    #[test]
    fn text_that_speaks_of_ends_is_none() {
        let text = br#"data: {"content":"then it says \ndata: [DONE] and \"finish_reason\":\"stop"}"#;
        assert!(!is_whole(Format::Chat, true, &[text]));
        // Not even where the kept bytes happen to begin.
        let long = ["x".repeat(3000), "data: [DONE]".to_owned(), "y".repeat(TAIL_BYTES - 12)].concat();
        assert!(!is_whole(Format::Chat, true, &[long.as_bytes()]));
    }

    #[test]
    fn end_of_responses_may_be_followed_by_the_whole_answer() {
        let end = [&b"data: {\"type\":\"response.completed\",\"response\":"[..], &FRAME.repeat(100)].concat();
        assert!(is_whole(Format::Responses, true, &[FRAME, &end, b"}\n\n"]));
    }

    #[test]
    fn object_ends_with_its_brace() {
        assert!(is_whole(Format::Chat, false, &[b"{", b"}\n"]));
        assert!(!is_whole(Format::Chat, false, &[b"{\"a\":["]));
    }
}
