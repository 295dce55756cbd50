//! From raw bytes to what a person reads.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use maily_errors::{Code, Error, Result};
use serde::Deserialize;

use super::sse::{SseDecoder, SseEvent};
use crate::body::Body;
use crate::model::{Delta, FinishReason, Prompt, Usage};

/// The decoded stream of an answer: its first choice only.
///
/// Ends after the answer is whole. An answer that breaks off ends with
/// [`Code::AnswerIncomplete`], an error event with the error that it carries.
#[derive(Debug)]
pub struct Deltas {
    body: Option<Body>,
    format: Format,
    finished: bool,
    ready: VecDeque<Delta>,
}

#[derive(Debug)]
enum Format {
    Events(SseDecoder),
    Json(Vec<u8>),
}

impl Deltas {
    pub(crate) fn new(streamed: bool, body: Body) -> Self {
        let format = if streamed { Format::Events(SseDecoder::default()) } else { Format::Json(Vec::new()) };
        Self { body: Some(body), format, finished: false, ready: VecDeque::new() }
    }

    fn take(&mut self, chunk: &[u8]) -> Result<()> {
        match &mut self.format {
            Format::Json(whole) => {
                if whole.len() + chunk.len() > Prompt::MAX_BYTES {
                    return Err(malformed("the answer is too large"));
                }
                whole.extend_from_slice(chunk);
            }
            Format::Events(decoder) => {
                decoder.push(chunk)?;
                while let Some(event) = decoder.next() {
                    if event.data == "[DONE]" {
                        // Nothing may follow, so the connection is not waited for.
                        self.body = None;
                        self.finished = true;
                        break;
                    }
                    self.finished |= read_event(&event, &mut self.ready)?;
                }
            }
        }
        Ok(())
    }

    /// The body ended cleanly: is the answer whole?
    fn end(&mut self) -> Result<()> {
        self.body = None;
        if let Format::Json(whole) = &self.format {
            self.finished = read_json(whole, &mut self.ready)?;
        }
        if self.finished {
            return Ok(());
        }
        Err(Error::new(Code::AnswerIncomplete, "the answer ended without saying that it is done")
            .with_operation("mesh::decode"))
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
                Some(chunk) => chunk.and_then(|chunk| self.take(&chunk)),
                None => self.end(),
            };
            if let Err(err) = outcome {
                self.body = None;
                return Poll::Ready(Some(Err(err)));
            }
        }
    }
}

#[derive(Deserialize)]
struct Chunk<'a> {
    #[serde(borrow, default)]
    choices: Vec<Choice<'a>>,
    usage: Option<Usage>,
    error: Option<serde::de::IgnoredAny>,
}

#[derive(Deserialize)]
struct Choice<'a> {
    #[serde(default)]
    index: u32,
    #[serde(borrow, alias = "message")]
    delta: Option<Said<'a>>,
    finish_reason: Option<FinishReason>,
}

#[derive(Deserialize)]
struct Said<'a> {
    #[serde(borrow)]
    content: Option<Cow<'a, str>>,
}

/// Reads one event; returns whether it says that the answer is done.
fn read_event(event: &SseEvent, ready: &mut VecDeque<Delta>) -> Result<bool> {
    if event.name == "error" {
        return Err(failed());
    }
    read_json(event.data.as_bytes(), ready)
}

fn read_json(json: &[u8], ready: &mut VecDeque<Delta>) -> Result<bool> {
    let chunk: Chunk<'_> =
        serde_json::from_slice(json).map_err(|_| malformed("the answer is not in the openai format"))?;
    if chunk.error.is_some() {
        return Err(failed());
    }
    let mut finished = false;
    for choice in chunk.choices.into_iter().filter(|choice| choice.index == 0) {
        let text = choice.delta.and_then(|said| said.content).unwrap_or_default();
        if !text.is_empty() {
            ready.push_back(Delta::Text(text.into_owned()));
        }
        if let Some(reason) = choice.finish_reason {
            ready.push_back(Delta::Finish(reason));
            finished = true;
        }
    }
    ready.extend(chunk.usage.map(Delta::Usage));
    Ok(finished)
}

/// What the node says in the middle of its answer is for its operator, so it is not quoted.
fn failed() -> Error {
    Error::new(Code::NodeFailed, "the node failed in the middle of its answer").with_operation("mesh::decode")
}

fn malformed(message: &'static str) -> Error {
    Error::new(Code::StreamMalformed, message).with_operation("mesh::decode")
}
