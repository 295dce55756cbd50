//! What can be told of a piece of a stream without decoding it.

use memchr::memmem;

/// Returns whether a piece of a stream holds something that the model said, or an end.
///
/// A role, a comment, a ping and the opening events of the other formats say nothing, nor does half an event. It
/// looks for the fields of all formats without decoding, and is asked only until it says yes.
pub(crate) fn says_something(piece: &[u8]) -> bool {
    let piece = &piece[..whole_events(piece)];
    let says = |field: &[u8]| memmem::find_iter(piece, field).any(|at| has_text(&piece[at + field.len()..]));
    SPOKEN.into_iter().any(says)
        || memmem::find(piece, b"[DONE]").is_some()
        || memmem::find(piece, b"\"error\"").is_some()
}

/// Returns how many bytes of a piece of a stream are whole events, up to the empty line behind the last of them.
pub(crate) fn whole_events(piece: &[u8]) -> usize {
    let plain = memmem::rfind(piece, b"\n\n");
    // Only behind it: mostly that is nothing, where the whole would be searched for what is not there.
    let rest = plain.unwrap_or(0);
    let end = memmem::rfind(&piece[rest..], b"\n\r\n").map(|at| rest + at).or(plain);
    end.map_or(0, |end| end + 1)
}

/// Returns whether a piece of a stream keeps the connection alive, and nothing else: a comment, or the ping of messages.
pub(crate) fn only_keeps_alive(piece: &[u8]) -> bool {
    let beats =
        piece.starts_with(b":") || piece.starts_with(b"event: ping") || piece.starts_with(b"event:ping");
    // What the model says may stand behind it in one piece.
    beats && !says_something(piece)
}

/// The fields that hold what is said, in chat, completions, responses and messages; then why it ended.
const SPOKEN: [&[u8]; 10] = [
    b"\"content\"",
    b"\"delta\"",
    b"\"text\"",
    b"\"reasoning_content\"",
    b"\"reasoning\"",
    b"\"thinking\"",
    b"\"arguments\"",
    b"\"partial_json\"",
    b"\"finish_reason\"",
    b"\"stop_reason\"",
];

/// Whether the value behind a field's name is a text of at least one character.
fn has_text(rest: &[u8]) -> bool {
    let value = rest.trim_ascii_start().strip_prefix(b":").map(<[u8]>::trim_ascii_start);
    matches!(value, Some([b'"', next, ..]) if *next != b'"')
}

#[cfg(test)]
mod tests {
    use super::{only_keeps_alive, says_something};

    fn event(data: &[u8]) -> Vec<u8> {
        [data, b"\n\n"].concat()
    }

    #[test]
    fn word_behind_a_ping_is_more_than_a_ping() {
        const PING: &[u8] = b"event: ping\ndata: {\"type\": \"ping\"}\n\n";
        const WORD: &[u8] = b"event: content_block_delta\ndata: {\"delta\":{\"text\":\"H\"}}\n\n";

        assert!(only_keeps_alive(PING));
        assert!(only_keeps_alive(b": keep-alive\n\n"));
        assert!(!only_keeps_alive(WORD));
        assert!(!only_keeps_alive(&[PING, WORD].concat()));
    }

    #[test]
    fn only_what_the_model_says_is_something() {
        for silent in [
            &br#"data: {"choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}]}"#[..],
            b": keep-alive\n\n",
            b"event: ping\ndata: {\"type\": \"ping\"}\n\n",
            br#"data: {"type":"message_start","message":{"content":[],"stop_reason":null}}"#,
            br#"data: {"type":"content_block_start","content_block":{"type":"text","text":""}}"#,
            b"",
        ] {
            assert!(!says_something(&event(silent)), "{}", String::from_utf8_lossy(silent));
        }
        for said in [
            &br#"data: {"choices":[{"delta":{"content":"H"}}]}"#[..],
            br#"data: {"choices": [{"delta": {"content": "H"}}]}"#,
            br#"data: {"choices":[{"delta":{"reasoning_content":"H"}}]}"#,
            br#"data: {"choices":[{"delta":{},"finish_reason":"stop"}]}"#,
            br#"data: {"type":"response.output_text.delta","delta":"H"}"#,
            br#"data: {"type":"content_block_delta","delta":{"type":"text_delta","text":"H"}}"#,
            br#"data: {"error":{"message":"x"}}"#,
            b"data: [DONE]\n\n",
        ] {
            assert!(!says_something(said.trim_ascii_end()), "half an event");
            assert!(says_something(&event(said)), "{}", String::from_utf8_lossy(said));
        }
    }
}
