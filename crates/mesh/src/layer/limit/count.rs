use std::sync::LazyLock;

use bytes::Bytes;
use memchr::memchr;
use memchr::memmem::Finder;

use crate::model::{Format, Retold};
use crate::wire::{Tokens, UsageReader};

/// Counts the tokens of an answer that passes by: what the node says, or else about what it sends.
///
/// What a node says nothing of is counted by events, one token each, and more for one that is long.
#[derive(Debug)]
pub(super) struct Count {
    format: Format,
    streamed: bool,
    usage: UsageReader,
    seen: u64,
    retold: Retold,
}

/// Counts what was told, in events, of which all behind the first so many are told again.
pub(crate) fn retold(format: Format, events: &[Bytes], first: usize) -> Retold {
    let count = |events: &[Bytes]| events.iter().map(|event| spoken(format, event)).sum();
    Retold { told: count(events), missed: count(events.get(first..).unwrap_or_default()) }
}

impl Count {
    pub(super) const fn new(format: Format, streamed: bool) -> Self {
        Self { format, streamed, usage: UsageReader::new(), seen: 0, retold: Retold::NONE }
    }

    /// Leaves out what was told before.
    pub(super) const fn behind(mut self, retold: Retold) -> Self {
        self.retold = retold;
        self
    }

    pub(super) fn see(&mut self, chunk: &[u8]) {
        self.seen += match self.format {
            // Vectors are no tokens.
            Format::Embeddings => 0,
            _ if self.streamed => spoken(self.format, chunk),
            _ => chunk.len() as u64,
        };
        self.usage.see(chunk);
    }

    /// Returns the tokens of the prompt and of the answer: as the node says, or as far as it is known. Before the end of the
    /// answer nothing that the node says is its last word.
    pub(super) fn tokens(&self, estimated: u64, whole: bool) -> (u64, u64) {
        let seen = if self.streamed { self.seen } else { self.seen / BYTES_OF_TOKEN };
        let seen = seen.saturating_sub(self.retold.missed);
        let Tokens { prompt, answer, .. } = self.usage.said().unwrap_or_default();
        // What a node says of the end of an answer is joined to what was told of it: it is of the whole answer.
        let answer = answer.saturating_sub(self.retold.told);
        let prompt = if prompt > 0 { prompt } else { estimated };
        // Messages begin with a count of the prompt, and end with that of the answer.
        let is_last =
            whole && self.usage.times() > u32::from(self.streamed && self.format == Format::Messages);
        (prompt, if is_last { answer } else { answer.max(seen) })
    }
}

/// About how many tokens the events of a chunk hold.
fn spoken(format: Format, chunk: &[u8]) -> u64 {
    let mark = if format == Format::Completions { &*TEXT } else { &*DELTA };
    let (mut rest, mut tokens) = (chunk, 0);
    while let Some(found) = mark.find(rest) {
        rest = &rest[found + mark.needle().len()..];
        let (event, behind) = rest.split_at(memchr(b'\n', rest).unwrap_or(rest.len()));
        // The first event has a role, the last one a reason.
        let is_empty = event.starts_with(b"{}") || EMPTY.find(event).is_some();
        let long = (event.len() as u64).saturating_sub(FRAME_BYTES) / BYTES_OF_TOKEN;
        tokens += if is_empty { 0 } else { long.max(1) };
        rest = behind;
    }
    tokens
}

// Made once: to make one takes longer than to search an event.
static DELTA: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"\"delta\":"));
static EMPTY: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"\"content\":\"\""));
static TEXT: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"\"text\":"));
/// What stands behind the text in an event of one token.
const FRAME_BYTES: u64 = 96;
const BYTES_OF_TOKEN: u64 = 4;

#[cfg(test)]
mod tests {
    use super::*;

    const ESTIMATED: u64 = 1_000;

    fn count(format: Format, streamed: bool, chunks: &[&[u8]]) -> (u64, u64) {
        let mut count = Count::new(format, streamed);
        chunks.iter().for_each(|chunk| count.see(chunk));
        count.tokens(ESTIMATED, true)
    }

    #[test]
    fn usage_is_read_wherever_the_answer_is_cut() {
        let answers: [(Format, bool, &[u8]); 4] = [
            (
                Format::Chat,
                true,
                b"data: {\"choices\":[],\"usage\":null}\n\ndata: {\"usage\":{\"prompt_tokens\":12,\"completion_tokens\":34,\"total_tokens\":46}}\n\ndata: [DONE]\n\n",
            ),
            (
                Format::Messages,
                true,
                b"data: {\"message\":{\"usage\":{\"input_tokens\":5,\"cache_read_input_tokens\":7,\"output_tokens\":1}}}\n\ndata: {\"type\":\"message_delta\",\"usage\":{\"output_tokens\":34}}\n\n",
            ),
            (
                Format::Responses,
                false,
                b"{\"output\":[],\"usage\": {\"input_tokens\":12,\"input_tokens_details\":{\"cached_tokens\":3},\"output_tokens\":34},\"user\":null}",
            ),
            (Format::Chat, false, b"{\"choices\":[],\"usage\":{\"prompt_tokens\":12,\"completion_tokens\":34}}"),
        ];
        for (format, streamed, answer) in answers {
            for cut in 0..=answer.len() {
                let said = count(format, streamed, &[&answer[..cut], &answer[cut..]]);
                assert_eq!(said, (12, 34), "{format:?} cut at {cut}");
            }
            let bytes: Vec<&[u8]> = answer.chunks(1).collect();
            assert_eq!(count(format, streamed, &bytes), (12, 34), "{format:?} byte by byte");
        }
    }

    #[test]
    fn text_that_speaks_of_usage_says_nothing() {
        let answer = br#"{"choices":[{"message":{"content":"\"usage\":{\"prompt_tokens\":9}"}}]}"#;

        assert_eq!(count(Format::Chat, false, &[answer]), (ESTIMATED, answer.len() as u64 / 4));
    }

    #[test]
    fn prompt_that_the_node_repeats_says_nothing_of_its_answer() {
        let deltas = b"data: {\"type\":\"response.output_text.delta\",\"delta\":\"Hi\"}\n\n".repeat(9);
        for echoed in ["{\"type\":\"string\"}", "{\"output_tokens\":1}"] {
            let begun = format!(
                "data: {{\"response\":{{\"tools\":[{{\"properties\":{{\"usage\":{echoed}}}}}]}}}}\n\n"
            );
            let mut count = Count::new(Format::Responses, true);
            count.see(begun.as_bytes());
            count.see(&deltas);

            assert_eq!(count.tokens(ESTIMATED, false), (ESTIMATED, 9), "it broke off");
            count.see(b"data: {\"response\":{\"usage\":{\"input_tokens\":12,\"output_tokens\":7}}}\n\n");
            assert_eq!(count.tokens(ESTIMATED, true), (12, 7));
        }
    }

    #[test]
    fn answer_without_usage_is_counted_by_events() {
        let event = b"data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\" token\"},\"finish_reason\":null}]}\n\n";
        let role = b"data: {\"choices\":[{\"delta\":{\"role\":\"assistant\",\"content\":\"\"}}]}\n\n";
        let end = b"data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n";
        assert_eq!(count(Format::Chat, true, &[role, &event.repeat(60), event, end]), (ESTIMATED, 61));
        let begun = br#"data: {"message":{"usage":{"input_tokens":7,"output_tokens":1}}}"#;
        let deltas = b"data: {\"delta\":{\"type\":\"text_delta\",\"text\":\"Hi\"}}\n\n".repeat(9);
        assert_eq!(count(Format::Messages, true, &[begun, b"\n\n", &deltas]), (7, 9), "it broke off");
        let text = "four".repeat(100);
        let long = format!("data: {{\"delta\":{{\"text\":\"{text}\"}}}}\n\n");
        assert!((70..=110).contains(&count(Format::Messages, true, &[long.as_bytes()]).1));
        let whole = format!("{{\"text\":\"{text}\"}}");
        assert_eq!(count(Format::Completions, false, &[whole.as_bytes()]).1, 102);
    }
}
