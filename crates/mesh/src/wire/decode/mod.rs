//! From raw bytes to what a person reads.

mod chat;
mod messages;
mod responses;

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use maily_errors::{Code, Error, Result};

use super::resumed::Resumed;
use super::sse::{SseDecoder, SseEvent};
use crate::body::Body;
use crate::model::{Delta, Format, Prompt};

/// The decoded stream of an answer in any format: its first choice only.
///
/// Ends after the answer is whole, with its body: what has arrived does not wait for that. An answer that breaks
/// off ends with [`Code::AnswerIncomplete`], an error event with the error that it carries.
#[derive(Debug)]
pub struct Deltas {
    body: Option<Body>,
    source: Source,
    decoder: Decoder,
    finished: bool,
    // The answer said that nothing follows; its body may still have to end.
    ended: bool,
    ready: VecDeque<Delta>,
}

#[derive(Debug)]
enum Source {
    Events(SseDecoder),
    Json(Vec<u8>),
}

#[derive(Debug)]
enum Decoder {
    // Completions are chat with another name for the text.
    Chat(chat::Decoder),
    Messages(messages::Decoder),
    Responses(responses::Decoder),
}

/// How far an answer is after one event.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Progress {
    /// More must follow.
    Goes,
    /// It said why it ended; a count of tokens may follow.
    Finished,
    /// Nothing may follow.
    Ended,
}

impl Deltas {
    pub(crate) fn new(format: Format, streamed: bool, body: Body) -> Self {
        let source = if streamed { Source::Events(SseDecoder::default()) } else { Source::Json(Vec::new()) };
        let decoder = match format {
            Format::Chat | Format::Completions | Format::Embeddings => {
                Decoder::Chat(chat::Decoder::default())
            }
            Format::Messages => Decoder::Messages(messages::Decoder::default()),
            Format::Responses => Decoder::Responses(responses::Decoder::default()),
        };
        Self { body: Some(body), source, decoder, finished: false, ended: false, ready: VecDeque::new() }
    }

    /// Returns whether everything that has arrived was given out: what comes next needs more of the body.
    #[must_use]
    pub fn is_drained(&self) -> bool {
        self.ready.is_empty()
    }

    fn take(&mut self, chunk: &[u8]) -> Result<()> {
        match &mut self.source {
            Source::Json(whole) => {
                if whole.len() + chunk.len() > Prompt::MAX_BYTES {
                    return Err(malformed("the answer is too large"));
                }
                whole.extend_from_slice(chunk);
            }
            Source::Events(events) => {
                events.push(chunk)?;
                while let Some(event) = events.next() {
                    self.ready.extend(Resumed::read(&event.mark).map(Delta::Resumed));
                    // Some servers keep the connection alive with it.
                    if event.data.is_empty() && event.name != "error" {
                        continue;
                    }
                    match self.decoder.event(&event, &mut self.ready)? {
                        Progress::Goes => {}
                        Progress::Finished => self.finished = true,
                        Progress::Ended => {
                            (self.finished, self.ended) = (true, true);
                            break;
                        }
                    }
                }
            }
        }
        Ok(())
    }

    /// The body ended cleanly: is the answer whole?
    fn end(&mut self) -> Result<()> {
        self.body = None;
        if let Source::Json(whole) = &self.source {
            self.finished = self.decoder.whole(whole, &mut self.ready)?;
        }
        if self.finished {
            return Ok(());
        }
        Err(Error::new(Code::AnswerIncomplete, "the answer ended without saying that it is done")
            .with_operation("mesh::decode"))
    }
}

impl Decoder {
    fn event(&mut self, event: &SseEvent, ready: &mut VecDeque<Delta>) -> Result<Progress> {
        if event.name == "error" {
            return Err(failed());
        }
        match self {
            Self::Chat(chat) => chat.event(&event.data, ready),
            Self::Messages(messages) => messages.event(&event.data, ready),
            Self::Responses(responses) => responses.event(&event.data, ready),
        }
    }

    /// Reads an answer of one object; returns whether it says that it is done.
    fn whole(&mut self, json: &[u8], ready: &mut VecDeque<Delta>) -> Result<bool> {
        match self {
            Self::Chat(chat) => chat.object(json, ready).map(|progress| progress == Progress::Finished),
            Self::Messages(_) => messages::whole(json, ready),
            Self::Responses(_) => responses::whole(json, ready),
        }
    }
}

impl Stream for Deltas {
    type Item = Result<Delta>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            if let Some(delta) = self.ready.pop_front() {
                return Poll::Ready(Some(Ok(delta)));
            }
            let Some(body) = &mut self.body else { return Poll::Ready(None) };
            let outcome = match ready!(Pin::new(body).poll_next(cx)) {
                // Read on to the end: a body that is dropped before is a reader who left, and hangs up on the node. What
                // comes behind the answer is nobody's, and its deadlines bound the wait.
                Some(Ok(_)) if self.ended => Ok(()),
                Some(Err(_)) if self.ended => self.end(),
                Some(chunk) => chunk.and_then(|chunk| self.take(&chunk)),
                None => self.end(),
            };
            if let Err(err) = outcome {
                // Whoever watches would take it for a reader who left.
                if let Some(body) = self.body.take() {
                    body.fail(&err);
                }
                return Poll::Ready(Some(Err(err)));
            }
        }
    }
}

/// Reads one object of an answer.
fn read<'a, T: serde::Deserialize<'a>>(json: &'a [u8]) -> Result<T> {
    serde_json::from_slice(json).map_err(|_| malformed("the answer is not of its format"))
}

/// Adds a piece of text, if there is any.
fn push(ready: &mut VecDeque<Delta>, text: Option<String>, delta: fn(String) -> Delta) {
    ready.extend(text.filter(|text| !text.is_empty()).map(delta));
}

/// What the node says in the middle of its answer is for its operator, so it is not quoted.
fn failed() -> Error {
    Error::new(Code::NodeFailed, "the node failed in the middle of its answer").with_operation("mesh::decode")
}

fn malformed(message: &'static str) -> Error {
    Error::new(Code::StreamMalformed, message).with_operation("mesh::decode")
}

#[cfg(test)]
mod tests;
