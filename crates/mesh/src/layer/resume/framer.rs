use bytes::{Bytes, BytesMut};
use maily_errors::{Code, Error, Result};
use memchr::memchr;

use crate::wire::SseDecoder;

/// Cuts a stream into whole events, without decoding them: a reader never has half an event.
///
/// A chunk that ends with an event, which is the usual one, passes as it is. What is no event, and an
/// event that reports an error, is found by its first bytes.
#[derive(Debug, Default)]
pub(super) struct Framer {
    /// The beginning of an event whose end has not arrived.
    held: BytesMut,
}

/// Whole events, and what stands behind them if it is no answer.
#[derive(Debug)]
pub(super) struct Framed {
    pub(super) whole: Bytes,
    pub(super) fault: Option<Error>,
}

impl Framer {
    /// Takes the next chunk.
    pub(super) fn push(&mut self, chunk: Bytes) -> Framed {
        let chunk = if self.held.is_empty() {
            chunk
        } else {
            self.held.extend_from_slice(&chunk);
            if memchr(b'\n', &chunk).is_none() && self.held.len() <= SseDecoder::MAX_BYTES {
                return Framed { whole: Bytes::new(), fault: None };
            }
            self.held.split().freeze()
        };
        let (end, fault) = scan(&chunk);
        let rest = chunk.len() - end;
        let fault =
            fault.err().or_else(|| (rest > SseDecoder::MAX_BYTES).then(|| malformed("an event is too long")));
        if fault.is_none() && rest > 0 {
            self.held.extend_from_slice(&chunk[end..]);
        }
        Framed { whole: if rest == 0 { chunk } else { chunk.slice(..end) }, fault }
    }

    /// Whether the beginning of an event is held.
    pub(super) fn is_inside(&self) -> bool {
        !self.held.trim_ascii().is_empty()
    }
}

/// Returns where the last whole event ends that may pass, and what is wrong with the one behind it.
fn scan(chunk: &[u8]) -> (usize, Result<()>) {
    let (mut end, mut at, mut data) = (0, 0, Data::None);
    while let Some(length) = memchr(b'\n', &chunk[at..]) {
        let line = &chunk[at..at + length];
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        at += length + 1;
        if line.is_empty() {
            if matches!(data, Data::Open) {
                return (end, Err(malformed("the data of an event is cut")));
            }
            (end, data) = (at, Data::None);
        } else if let Err(err) = check(line, &mut data) {
            return (end, Err(err));
        }
    }
    (end, Ok(()))
}

/// What is known of the data of an event.
enum Data {
    None,
    /// One line that ends as it has to.
    Whole,
    /// One line that does not; another one may follow.
    Open,
    /// More than one line: only a decoder knows.
    Lines,
}

fn check(line: &[u8], data: &mut Data) -> Result<()> {
    if let Some(value) = line.strip_prefix(b"data:") {
        let value = value.trim_ascii();
        if !matches!(data, Data::None) {
            *data = Data::Lines;
        } else if FAILURES.iter().any(|failure| value.starts_with(failure)) {
            return Err(failed());
        } else if value.starts_with(b"{") || value.starts_with(b"[") || value.is_empty() {
            let whole = value.is_empty() || value.ends_with(b"}") || value.ends_with(b"]");
            *data = if whole { Data::Whole } else { Data::Open };
        } else {
            return Err(malformed("the data of an event is no object"));
        }
        return Ok(());
    }
    if let Some(name) = line.strip_prefix(b"event:") {
        let name = name.trim_ascii();
        return if name == b"error" || name == b"response.failed" { Err(failed()) } else { Ok(()) };
    }
    let known = [&b":"[..], b"id:", b"retry:"].iter().any(|field| line.starts_with(field));
    if known { Ok(()) } else { Err(malformed("a line is no field of an event")) }
}

/// How the data of an event begins that reports an error.
const FAILURES: [&[u8]; 4] =
    [b"{\"error\"", b"{\"object\":\"error\"", b"{\"type\":\"error\"", b"{\"type\":\"response.failed\""];

/// What the node says is for its operator, so it is not quoted.
pub(super) fn failed() -> Error {
    Error::new(Code::NodeFailed, "the node failed in the middle of its answer").with_operation("mesh::resume")
}

pub(super) fn malformed(message: &'static str) -> Error {
    Error::new(Code::StreamMalformed, message).with_operation("mesh::resume")
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVENTS: &str =
        ": hi\n\ndata: {\"a\":1}\r\n\r\nevent: x\ndata: {\"b\":\ndata: 2}\n\ndata: [DONE]\n\n";

    #[test]
    fn whole_events_pass_without_a_copy() {
        let chunk = Bytes::from_static(EVENTS.as_bytes());

        let framed = Framer::default().push(chunk.clone());

        assert!(framed.fault.is_none());
        assert_eq!(framed.whole.as_ptr(), chunk.as_ptr());
        assert_eq!(framed.whole, chunk);
    }

    #[test]
    fn half_an_event_is_held_wherever_the_stream_is_split() {
        for at in 0..EVENTS.len() {
            let mut framer = Framer::default();
            let first = framer.push(Bytes::copy_from_slice(&EVENTS.as_bytes()[..at]));
            let second = framer.push(Bytes::copy_from_slice(&EVENTS.as_bytes()[at..]));

            assert!(first.fault.is_none() && second.fault.is_none(), "{at}");
            assert!(
                first.whole.is_empty() || first.whole.ends_with(b"\n\n") || first.whole.ends_with(b"\r\n")
            );
            assert_eq!([first.whole, second.whole].concat(), EVENTS.as_bytes(), "{at}");
            assert!(!framer.is_inside());
        }
    }

    #[test]
    fn what_stands_before_a_fault_passes() {
        for (fault, code) in [
            ("data: {\"error\":{\"message\":\"out of memory\"}}\n\n", Code::NodeFailed),
            ("event: error\ndata: {}\n\n", Code::NodeFailed),
            ("data: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\"}}\n\n", Code::NodeFailed),
            ("event: response.failed\ndata: {\"type\":\"response.failed\"}\n\n", Code::NodeFailed),
            ("data: {\"type\":\"response.failed\",\"response\":{}}\n\n", Code::NodeFailed),
            ("data: {\"choices\":[{\"del\n\n", Code::StreamMalformed),
            ("data: hello\n\n", Code::StreamMalformed),
            ("<html>\n", Code::StreamMalformed),
        ] {
            let chunk = format!("data: {{\"a\":1}}\n\n{fault}data: [DONE]\n\n");

            let framed = Framer::default().push(chunk.into());

            assert_eq!(framed.whole, "data: {\"a\":1}\n\n");
            assert_eq!(framed.fault.unwrap().code(), code, "{fault}");
        }
    }

    #[test]
    fn event_without_an_end_is_refused_at_the_limit() {
        let mut framer = Framer::default();
        let piece = Bytes::from(vec![b'x'; SseDecoder::MAX_BYTES - 6]);
        assert!(framer.push(Bytes::from_static(b"data: ")).fault.is_none());
        assert!(framer.push(piece).fault.is_none());

        assert_eq!(framer.push(Bytes::from_static(b"x")).fault.unwrap().code(), Code::StreamMalformed);
    }
}
