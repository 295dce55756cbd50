use memchr::memmem;
use smallvec::SmallVec;
use tracing::Span;
use tracing::field::debug;

use crate::model::Format;
use crate::wire::{Tokens, UsageReader};

/// What an answer says of itself, read as it passes: never what it says to the person.
#[derive(Debug, Default)]
pub(super) struct Seen {
    usage: UsageReader,
    model: Option<String>,
    reasons: SmallVec<[String; 1]>,
    /// How a response says that it ended; other formats say it beside each choice.
    ending: Option<Ending>,
    /// The end of the piece before, where a name or its value may have begun.
    tail: SmallVec<[u8; BORDER_BYTES]>,
    pieces: u64,
}

/// What a response says of its end: the reason for which it is incomplete, else its status.
#[derive(Debug, Default)]
struct Ending {
    /// Only the last event of a stream says how it ended.
    streamed: bool,
    reason: Option<String>,
    status: Option<String>,
    /// The status stands before the output, whose items have one of their own; else it is the last of all.
    settled: bool,
    /// The output has begun.
    inside: bool,
}

impl Seen {
    /// Reads an answer in a format, which is a stream or not.
    pub(super) fn of(format: Format, streamed: bool) -> Self {
        let ending = (format == Format::Responses).then(|| Ending { streamed, ..Ending::default() });
        Self { ending, ..Self::default() }
    }

    pub(super) fn see(&mut self, piece: &[u8]) {
        self.pieces += 1;
        self.usage.see(piece);
        if !self.tail.is_empty() {
            let mut border = std::mem::take(&mut self.tail);
            let before = border.len();
            border.extend_from_slice(&piece[..piece.len().min(BORDER_BYTES)]);
            self.search(&border, |begin, end| begin < before && end > before);
        }
        self.search(piece, |_, _| true);
        self.tail = SmallVec::from_slice(&piece[piece.len().saturating_sub(BORDER_BYTES)..]);
    }

    /// Notes it on a span.
    pub(super) fn record(&self, span: &Span) {
        span.record("maily.chunks", self.pieces);
        if let Some(model) = &self.model {
            span.record("gen_ai.response.model", model.as_str());
        }
        if !self.reasons.is_empty() {
            span.record("gen_ai.response.finish_reasons", debug(&self.reasons));
        } else if let Some(ending) = self.ending() {
            span.record("gen_ai.response.finish_reasons", debug([ending]));
        }
        let Some(Tokens { prompt, answer, cached, reasoning }) = self.usage.said() else { return };
        span.record("gen_ai.usage.input_tokens", prompt);
        span.record("gen_ai.usage.output_tokens", answer);
        if cached > 0 {
            span.record("gen_ai.usage.cache_read.input_tokens", cached);
        }
        if reasoning > 0 {
            span.record("gen_ai.usage.reasoning.output_tokens", reasoning);
        }
    }

    /// Returns how a response ended, if it did.
    fn ending(&self) -> Option<&str> {
        let Ending { reason, status, .. } = self.ending.as_ref()?;
        reason.as_deref().or(status.as_deref()).filter(|ending| *ending != "in_progress")
    }

    /// Takes the values of which `counts` says yes to where they begin and end.
    fn search(&mut self, bytes: &[u8], counts: impl Fn(usize, usize) -> bool) {
        if let Some(ending) = &mut self.ending {
            ending.search(bytes, &counts);
            return self.search_model(bytes, counts);
        }
        for name in REASONS {
            for (begin, end, value) in values(bytes, name) {
                if counts(begin, end) && self.reasons.len() < MOST_REASONS {
                    self.reasons.push(value.to_owned());
                }
            }
        }
        self.search_model(bytes, counts);
    }

    fn search_model(&mut self, bytes: &[u8], counts: impl Fn(usize, usize) -> bool) {
        if self.model.is_none() {
            let mut models = values(bytes, MODEL).filter(|(begin, end, _)| counts(*begin, *end));
            self.model = models.next().map(|(_, _, value)| value.to_owned());
        }
    }
}

impl Ending {
    fn search(&mut self, bytes: &[u8], counts: impl Fn(usize, usize) -> bool) {
        if self.streamed {
            for (begin, end, event) in values(bytes, EVENT) {
                let status = event.strip_prefix("response.").filter(|status| LAST.contains(status));
                if counts(begin, end) {
                    self.status = status.map(str::to_owned).or(self.status.take());
                }
            }
            return self.search_reason(bytes);
        }
        let output = if self.inside { Some(0) } else { memmem::find(bytes, OUTPUT) };
        for (begin, end, status) in values(bytes, STATUS) {
            if counts(begin, end) && !self.settled {
                self.settled = output.is_none_or(|output| begin < output) && status != "in_progress";
                self.status = Some(status.to_owned());
            }
        }
        // What begins in the next piece is seen there.
        self.inside |= output.is_some_and(|output| counts(output, output + OUTPUT.len()));
        self.search_reason(bytes);
    }

    fn search_reason(&mut self, bytes: &[u8]) {
        for at in memmem::find_iter(bytes, INCOMPLETE) {
            let within = &bytes[at..bytes.len().min(at + BORDER_BYTES)];
            // `null` for one that is complete: what comes behind it is something else.
            if within[INCOMPLETE.len()..].iter().find(|byte| !b": \n".contains(byte)) == Some(&b'{') {
                self.reason = values(within, REASON)
                    .next()
                    .map(|(_, _, reason)| reason.to_owned())
                    .or(self.reason.take());
            }
        }
    }
}

/// The texts that stand behind a name, with where the name begins and the text ends.
///
/// A name cannot stand in what the model says, whose quotes are escaped.
fn values<'a>(bytes: &'a [u8], name: &'a [u8]) -> impl Iterator<Item = (usize, usize, &'a str)> {
    memmem::find_iter(bytes, name).filter_map(move |begin| {
        let rest = bytes[begin + name.len()..].trim_ascii_start().strip_prefix(b":")?;
        let text = rest.trim_ascii_start().strip_prefix(b"\"")?;
        let length = text.iter().take(MOST_BYTES + 1).position(|byte| *byte == b'"')?;
        let end = bytes.len() - text.len() + length + 1;
        std::str::from_utf8(&text[..length]).ok().map(|text| (begin, end, text))
    })
}

const MODEL: &[u8] = b"\"model\"";
const EVENT: &[u8] = b"\"type\"";
const LAST: [&str; 4] = ["cancelled", "completed", "failed", "incomplete"];
const INCOMPLETE: &[u8] = b"\"incomplete_details\"";
const OUTPUT: &[u8] = b"\"output\"";
const REASON: &[u8] = b"\"reason\"";
const STATUS: &[u8] = b"\"status\"";
const REASONS: [&[u8]; 2] = [b"\"finish_reason\"", b"\"stop_reason\""];
/// One for each choice; nobody asks for more.
const MOST_REASONS: usize = 8;
const MOST_BYTES: usize = 96;
/// A name, a colon and a value.
const BORDER_BYTES: usize = 128;

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(pieces: &[&[u8]]) -> (Option<String>, Vec<String>) {
        let mut seen = Seen::default();
        pieces.iter().for_each(|piece| seen.see(piece));
        (seen.model, seen.reasons.into_vec())
    }

    #[test]
    fn model_and_reason_are_read_once_wherever_the_answer_is_cut() {
        for answer in [
            &br#"data: {"id":"1","model":"small-2","choices":[{"delta":{},"finish_reason":"stop"}]}"#[..],
            br#"{"id":"1","model": "small-2", "choices":[{"finish_reason" : "stop"}]}"#,
            br#"{"model":"small-2","stop_reason":null,"delta":{"stop_reason":"stop"}}"#,
        ] {
            for cut in 0..=answer.len() {
                let (model, reasons) = seen(&[&answer[..cut], &answer[cut..]]);
                assert_eq!(
                    (model.as_deref(), &reasons[..]),
                    (Some("small-2"), &["stop".to_owned()][..]),
                    "{cut}"
                );
            }
        }
    }

    #[test]
    fn what_the_model_says_is_never_read() {
        let answer = br#"{"model":"m","choices":[{"message":{"content":"\"finish_reason\":\"secret\",\"model\":\"secret\""}}]}"#;

        assert_eq!(seen(&[answer]), (Some("m".to_owned()), vec![]));
    }

    #[test]
    fn response_ends_with_its_status_wherever_it_stands_and_wherever_it_is_cut() {
        let item = r#"{"type":"message","status":"completed","content":[{"text":"\\"status\\":\\"odd\\""}]}"#;
        let failed = r#"{"type":"mcp_call","status":"failed"}"#;
        let limit = r#"{"reason":"max_output_tokens"}"#;
        for (streamed, answer, ending) in [
            (
                false,
                format!(r#"{{"object":"response","status":"completed","output":[{item},{failed}]}}"#),
                "completed",
            ),
            (false, format!(r#"{{"output":[{failed},{item}],"status":"completed"}}"#), "completed"),
            (false, format!(r#"{{"output":[{item}],"status":"failed"}}"#), "failed"),
            (
                false,
                format!(r#"{{"incomplete_details":{limit},"output":[{item}],"status":"incomplete"}}"#),
                "max_output_tokens",
            ),
            (
                false,
                format!(
                    r#"{{"incomplete_details": null, "tool":{{"reason":"odd"}},"output":[{item}],"status":"completed"}}"#
                ),
                "completed",
            ),
            (
                true,
                format!(
                    r#"data: {{"type":"response.failed","response":{{"status":"failed","output":[{item}]}}}}"#
                ),
                "failed",
            ),
            (
                true,
                format!(
                    r#"data: {{"type":"response.incomplete","response":{{"incomplete_details":{limit}}}}}"#
                ),
                "max_output_tokens",
            ),
            (
                true,
                format!(
                    r#"data: {{"type":"response.created","response":{{"status":"in_progress","output":[{item}]}}}}"#
                ),
                "",
            ),
        ] {
            for cut in 0..=answer.len() {
                let mut seen = Seen::of(Format::Responses, streamed);
                seen.see(&answer.as_bytes()[..cut]);
                seen.see(&answer.as_bytes()[cut..]);
                assert_eq!(seen.ending().unwrap_or_default(), ending, "{cut}: {answer}");
            }
        }
    }

    #[test]
    fn value_that_is_too_long_is_none() {
        let name = |length| format!("{{\"model\":\"{}\"}}", "m".repeat(length)).into_bytes();

        assert!(seen(&[&name(96)]).0.is_some());
        assert!(seen(&[&name(97)]).0.is_none());
    }
}
