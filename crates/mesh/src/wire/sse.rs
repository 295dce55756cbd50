//! Server-sent events, from whatever pieces the network delivers.

use std::collections::VecDeque;

use maily_errors::{Code, Error, Public, Result};

use super::Resumed;

/// One event of a stream.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct SseEvent {
    /// The `event` field; empty if the server sent none.
    pub name: String,
    /// The `data` fields, joined by line breaks.
    pub data: String,
    /// The comment in front of it that says where another node [went on](Resumed); empty if there is none.
    pub mark: String,
}

/// Decodes a stream of events that may be split anywhere, even inside a character or a line end.
///
/// Other comments and the fields `id` and `retry` are read over. An event of more than 8 MiB is an error: the last one of a response repeats all of it.
///
/// # Examples
///
/// ```
/// use maily_mesh::wire::SseDecoder;
///
/// let mut decoder = SseDecoder::default();
/// decoder.push(b"data: {\"a\":")?;
/// assert_eq!(decoder.next(), None);
/// decoder.push(b"1}\r\n\r\n")?;
/// assert_eq!(decoder.next().unwrap().data, "{\"a\":1}");
/// # Ok::<(), maily_errors::Error>(())
/// ```
///
/// Source: WHATWG HTML, section 9.2.6.
#[derive(Debug, Default)]
pub struct SseDecoder {
    line: Vec<u8>,
    event: SseEvent,
    has_data: bool,
    started: bool,
    after_return: bool,
    ready: VecDeque<SseEvent>,
}

impl SseDecoder {
    /// The longest event, in bytes.
    pub const MAX_BYTES: usize = 8 * 1024 * 1024;

    /// Takes the next piece.
    ///
    /// # Errors
    ///
    /// [`Code::StreamMalformed`] when a line is not UTF-8 or an event is too long.
    pub fn push(&mut self, mut piece: &[u8]) -> Result<()> {
        while !piece.is_empty() {
            if std::mem::take(&mut self.after_return) && piece[0] == b'\n' {
                piece = &piece[1..];
                continue;
            }
            let Some(end) = piece.iter().position(|byte| matches!(byte, b'\n' | b'\r')) else {
                self.line.extend_from_slice(piece);
                break;
            };
            self.line.extend_from_slice(&piece[..end]);
            self.after_return = piece[end] == b'\r';
            piece = &piece[end + 1..];
            self.end_line()?;
        }
        self.check_length()
    }

    /// Returns the next whole event.
    #[expect(clippy::should_implement_trait, reason = "None means not yet, not never")]
    pub fn next(&mut self) -> Option<SseEvent> {
        self.ready.pop_front()
    }

    /// Returns whether the stream ended inside an event.
    #[must_use]
    pub const fn is_inside(&self) -> bool {
        self.has_data || !self.line.is_empty()
    }

    fn end_line(&mut self) -> Result<()> {
        let line = std::mem::take(&mut self.line);
        let text = std::str::from_utf8(&line).map_err(|_| malformed("an event is not utf-8"))?;
        // One byte order mark may stand at the very beginning.
        let text = if self.started { text } else { text.trim_start_matches('\u{feff}') };
        self.started = true;
        if text.is_empty() {
            self.end_event();
        } else {
            let (field, value) = text.split_once(':').unwrap_or((text, ""));
            self.field(field, value.strip_prefix(' ').unwrap_or(value));
        }
        self.check_length()?;
        // The allocation is used again for the next line.
        self.line = line;
        self.line.clear();
        Ok(())
    }

    fn field(&mut self, field: &str, value: &str) {
        match field {
            "data" => {
                if std::mem::replace(&mut self.has_data, true) {
                    self.event.data.push('\n');
                }
                self.event.data.push_str(value);
            }
            "event" => self.event.name = value.to_owned(),
            // A comment.
            "" if Resumed::begins(value) => self.event.mark = value.to_owned(),
            _ => {}
        }
    }

    fn end_event(&mut self) {
        let event = std::mem::take(&mut self.event);
        if std::mem::take(&mut self.has_data) {
            self.ready.push_back(event);
        } else {
            // It speaks of the event that comes, however many blank lines stand between them.
            self.event.mark = event.mark;
        }
    }

    fn check_length(&self) -> Result<()> {
        if self.line.len() + self.event.data.len() + self.event.mark.len() > Self::MAX_BYTES {
            return Err(
                malformed("an event is too long").with_context("limit_bytes", Public(Self::MAX_BYTES))
            );
        }
        Ok(())
    }
}

fn malformed(message: &'static str) -> Error {
    Error::new(Code::StreamMalformed, message).with_operation("mesh::sse")
}
