//! From deltas to a wire format: for nodes in this process, and for answers that are translated.

mod chat;
mod completions;
mod error;
mod messages;
mod responses;

use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use futures_core::Stream;
use maily_errors::Result;
use pin_project_lite::pin_project;
use serde::Serialize;
use serde::de::IgnoredAny;

pub use self::chat::{Chunks, DONE};
pub use self::error::{error_event, error_event_of, error_type};
use crate::body::Body;
use crate::model::{Answer, Completion, CompletionHead, Delta, Format, Message, PromptHead};

/// Turns deltas into an answer as the prompt wants it: in its format, streamed, or one object.
///
/// Write [`Delta::Text`] for each token, then [`Delta::Finish`], then [`Delta::Usage`] if known.
/// After an error there is neither a finish nor an end, so that nobody takes it for a whole answer.
///
/// # Examples
///
/// ```
/// use futures_util::stream;
/// use maily_mesh::{Delta, FinishReason, Prompt, wire};
///
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let prompt = Prompt::text("small", "Hello")?;
/// let deltas = [Delta::Text("Hi".into()), Delta::Finish(FinishReason::Stop)];
///
/// let completion = wire::answer(&prompt.head, stream::iter(deltas.map(Ok)));
///
/// assert_eq!(completion.into_text().await?, "Hi");
/// # Ok::<(), maily_errors::Error>(()) }).unwrap();
/// ```
pub fn answer(head: &PromptHead, deltas: impl Stream<Item = Result<Delta>> + Send + 'static) -> Completion {
    let encoder = Encoder::new(head);
    let body = if head.stream {
        Body::stream(Streamed { deltas, encoder, state: State::Begin, mark: Vec::new() })
    } else {
        let answer = Some(Answer::of(&CompletionHead::default()));
        Body::stream(Whole { deltas, encoder, answer })
    };
    Completion::new(head.stream, body).with_format(head.format)
}

/// Writes the request of a client: a model, a conversation, streamed or not.
pub(crate) fn write_request(model: &str, messages: &[Message], stream: bool) -> Bytes {
    #[derive(Serialize)]
    struct Request<'a> {
        model: &'a str,
        messages: &'a [Message],
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        stream: bool,
    }
    to_bytes(&Request { model, messages, stream })
}

/// Writes one answer in one format.
#[derive(Debug)]
enum Encoder {
    Chat { chunks: Chunks, include_usage: bool },
    Completions { chunks: completions::Chunks, include_usage: bool },
    Messages(messages::Encoder),
    // A response repeats itself at its end, so it carries more than the others.
    Responses(Box<responses::Encoder>),
}

impl Encoder {
    fn new(head: &PromptHead) -> Self {
        let (model, include_usage) = (head.model.clone(), head.include_usage);
        match head.format {
            // Nobody who speaks is asked for vectors.
            Format::Chat | Format::Embeddings => Self::Chat { chunks: Chunks::new(model), include_usage },
            Format::Completions => {
                Self::Completions { chunks: completions::Chunks::new(model), include_usage }
            }
            Format::Messages => Self::Messages(messages::Encoder::new(model)),
            Format::Responses => Self::Responses(Box::new(responses::Encoder::new(model))),
        }
    }

    /// Writes what stands in front of the first delta.
    fn open(&mut self, out: &mut Vec<u8>) {
        match self {
            Self::Chat { chunks, .. } => out.extend_from_slice(&chunks.open()),
            Self::Completions { .. } => {}
            Self::Messages(messages) => messages.open(out),
            Self::Responses(responses) => responses.open(out),
        }
    }

    /// Writes one delta; nothing where it is said later, or not at all.
    fn delta(&mut self, delta: Delta, out: &mut Vec<u8>) -> Result<()> {
        match self {
            Self::Chat { include_usage: false, .. } | Self::Completions { include_usage: false, .. }
                if matches!(delta, Delta::Usage(_)) =>
            {
                Ok(())
            }
            Self::Chat { chunks, .. } => {
                out.extend_from_slice(&chunks.delta(&delta));
                Ok(())
            }
            Self::Completions { chunks, .. } => {
                chunks.delta(&delta, out);
                Ok(())
            }
            Self::Messages(messages) => messages.delta(delta, out),
            Self::Responses(responses) => responses.delta(delta, out),
        }
    }

    /// Writes the end of an answer that is whole.
    fn end(&mut self, out: &mut Vec<u8>) {
        match self {
            Self::Chat { .. } | Self::Completions { .. } => out.extend_from_slice(&DONE),
            Self::Messages(messages) => messages.end(out),
            Self::Responses(responses) => responses.end(out),
        }
    }

    /// Writes the whole answer as one object.
    fn whole(&self, answer: &Answer) -> Bytes {
        match self {
            Self::Chat { chunks, .. } => chunks.answer(answer),
            Self::Completions { chunks, .. } => chunks.answer(answer),
            Self::Messages(messages) => messages.answer(answer),
            Self::Responses(responses) => responses.answer(answer),
        }
    }
}

/// A name that no other answer has.
fn fresh_id(kind: &str) -> String {
    format!("{kind}{:024x}", rand::random::<u128>() >> 32)
}

/// The time, in seconds since 1970.
fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

/// The arguments of a tool as an object; a model may write anything, and no client reads nonsense.
pub(super) fn as_object(arguments: &str) -> &str {
    let arguments = arguments.trim();
    let is_object = arguments.starts_with('{') && serde_json::from_str::<IgnoredAny>(arguments).is_ok();
    if is_object { arguments } else { "{}" }
}

fn to_bytes(value: &impl Serialize) -> Bytes {
    serde_json::to_vec(value).expect("texts and numbers always serialize").into()
}

fn as_event(value: &impl Serialize) -> Bytes {
    let mut event = b"data: ".to_vec();
    serde_json::to_writer(&mut event, value).expect("texts and numbers always serialize");
    event.extend_from_slice(b"\n\n");
    event.into()
}

/// Writes an event that has a name.
fn named_event(name: &str, data: &str, out: &mut Vec<u8>) {
    for part in ["event: ", name, "\ndata: ", data, "\n\n"] {
        out.extend_from_slice(part.as_bytes());
    }
}

enum State {
    Begin,
    Said,
    Done,
}

pin_project! {
    /// Deltas as events.
    struct Streamed<S> {
        #[pin]
        deltas: S,
        encoder: Encoder,
        state: State,
        // What stands in front of the next event.
        mark: Vec<u8>,
    }
}

impl<S: Stream<Item = Result<Delta>>> Stream for Streamed<S> {
    type Item = Result<Bytes>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut this = self.project();
        loop {
            if matches!(this.state, State::Done) {
                return Poll::Ready(None);
            }
            // The model is asked first: an error before the first token is no answer at all.
            let delta = ready!(this.deltas.as_mut().poll_next(cx));
            if let Some(Ok(Delta::Resumed(resumed))) = &delta {
                *this.mark = resumed.comment().into_bytes();
                continue;
            }
            let mut out = mem::take(this.mark);
            let marked = out.len();
            if matches!(this.state, State::Begin) && !matches!(delta, Some(Err(_))) {
                this.encoder.open(&mut out);
                *this.state = State::Said;
            }
            let outcome = match delta {
                Some(delta) => delta.and_then(|delta| this.encoder.delta(delta, &mut out)),
                None => {
                    this.encoder.end(&mut out);
                    *this.state = State::Done;
                    Ok(())
                }
            };
            if let Err(err) = outcome {
                *this.state = State::Done;
                return Poll::Ready(Some(Err(err)));
            }
            if out.len() > marked {
                return Poll::Ready(Some(Ok(out.into())));
            }
            // A delta is said later, or nobody asked for it.
            *this.mark = out;
        }
    }
}

pin_project! {
    /// Deltas as one object.
    struct Whole<S> {
        #[pin]
        deltas: S,
        encoder: Encoder,
        answer: Option<Answer>,
    }
}

impl<S: Stream<Item = Result<Delta>>> Stream for Whole<S> {
    type Item = Result<Bytes>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut this = self.project();
        while let Some(answer) = this.answer {
            match ready!(this.deltas.as_mut().poll_next(cx)) {
                Some(Ok(delta)) => answer.add(delta),
                Some(Err(err)) => {
                    *this.answer = None;
                    return Poll::Ready(Some(Err(err)));
                }
                None => {
                    let whole = this.encoder.whole(answer);
                    *this.answer = None;
                    return Poll::Ready(Some(Ok(whole)));
                }
            }
        }
        Poll::Ready(None)
    }
}

#[cfg(test)]
mod tests;
