//! From text to the wire format, for nodes that run a model in this process.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use futures_core::Stream;
use maily_errors::{Error, Result};
use pin_project_lite::pin_project;
use serde::Serialize;

use crate::body::Body;
use crate::model::{Completion, Delta, FinishReason, Message, ModelName, PromptHead, Usage};

/// The event that ends a stream which is whole.
pub const DONE: Bytes = Bytes::from_static(b"data: [DONE]\n\n");

/// Turns the deltas of a model into an answer as the prompt wants it: streamed, or one object.
///
/// Write [`Delta::Text`] for each token, then [`Delta::Finish`], then [`Delta::Usage`] if known.
/// After an error there is neither a finish nor `[DONE]`, so that nobody takes it for a whole answer.
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
    let chunks = Chunks::new(head.model.clone());
    let include_usage = head.include_usage;
    let body = if head.stream {
        Body::stream(Streamed { deltas, chunks, include_usage, state: State::Begin })
    } else {
        Body::stream(Whole { deltas, chunks, text: Some(String::new()), finish: None, usage: None })
    };
    Completion::new(head.stream, body)
}

/// Writes an error as the last event of a stream; no `[DONE]` may follow it.
///
/// Shows the code and the static message, never what only the log may know.
#[must_use]
pub fn error_event(error: &Error) -> Bytes {
    let code = error.code();
    let body = serde_json::json!({
        "error": { "message": error.message(), "type": code.kind().as_str(), "code": code.name() }
    });
    format!("data: {body}\n\n").into()
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

/// Writes the chunks of one answer: all have one id, model and time.
#[derive(Clone, Debug)]
pub struct Chunks {
    id: String,
    model: ModelName,
    created: u64,
}

impl Chunks {
    /// Begins an answer.
    #[must_use]
    pub fn new(model: ModelName) -> Self {
        let id = format!("chatcmpl-{:024x}", rand::random::<u128>() >> 32);
        let created = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        Self { id, model, created }
    }

    /// Writes the event that opens a stream.
    #[must_use]
    pub fn open(&self) -> Bytes {
        self.event(&Said { role: Some("assistant"), content: Some("") }, None)
    }

    /// Writes the event of one piece of text.
    #[must_use]
    pub fn text(&self, text: &str) -> Bytes {
        self.event(&Said { role: None, content: Some(text) }, None)
    }

    /// Writes the event that says why the text ended.
    #[must_use]
    pub fn finish(&self, reason: FinishReason) -> Bytes {
        self.event(&Said { role: None, content: None }, Some(reason))
    }

    /// Writes the event that counts tokens.
    #[must_use]
    pub fn usage(&self, usage: Usage) -> Bytes {
        let empty: [Choice<'_>; 0] = [];
        as_event(&self.object("chat.completion.chunk", &empty, Some(usage)))
    }

    /// Writes the whole answer as one object.
    #[must_use]
    pub fn whole(&self, text: &str, reason: FinishReason, usage: Option<Usage>) -> Bytes {
        let said = Said { role: Some("assistant"), content: Some(text) };
        let choice = Choice { index: 0, message: Some(&said), delta: None, finish_reason: Some(reason) };
        to_bytes(&self.object("chat.completion", &[choice], usage))
    }

    fn event(&self, said: &Said<'_>, finish_reason: Option<FinishReason>) -> Bytes {
        let choice = Choice { index: 0, message: None, delta: Some(said), finish_reason };
        as_event(&self.object("chat.completion.chunk", &[choice], None))
    }

    fn object<'a>(
        &'a self,
        object: &'static str,
        choices: &'a [Choice<'a>],
        usage: Option<Usage>,
    ) -> Object<'a> {
        Object { id: &self.id, object, created: self.created, model: &self.model, choices, usage }
    }
}

#[derive(Serialize)]
struct Object<'a> {
    id: &'a str,
    object: &'static str,
    created: u64,
    model: &'a ModelName,
    choices: &'a [Choice<'a>],
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<Usage>,
}

#[derive(Serialize)]
struct Choice<'a> {
    index: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<&'a Said<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    delta: Option<&'a Said<'a>>,
    finish_reason: Option<FinishReason>,
}

#[derive(Serialize)]
struct Said<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content: Option<&'a str>,
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

enum State {
    Begin,
    Text,
    Done,
}

pin_project! {
    /// Deltas as events.
    struct Streamed<S> {
        #[pin]
        deltas: S,
        chunks: Chunks,
        include_usage: bool,
        state: State,
    }
}

impl<S: Stream<Item = Result<Delta>>> Stream for Streamed<S> {
    type Item = Result<Bytes>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut this = self.project();
        loop {
            match this.state {
                State::Done => return Poll::Ready(None),
                State::Begin => {
                    // The model is asked first: an error before the first token is no answer at all.
                    let first = std::task::ready!(this.deltas.as_mut().poll_next(cx));
                    *this.state = State::Text;
                    let opening = this.chunks.open();
                    return Poll::Ready(match step(first, this.chunks, *this.include_usage, this.state) {
                        Some(Ok(next)) => Some(Ok([opening, next].concat().into())),
                        other => other,
                    });
                }
                State::Text => {
                    let delta = std::task::ready!(this.deltas.as_mut().poll_next(cx));
                    match step(delta, this.chunks, *this.include_usage, this.state) {
                        // A count of tokens that nobody asked for.
                        Some(Ok(bytes)) if bytes.is_empty() => {}
                        item => return Poll::Ready(item),
                    }
                }
            }
        }
    }
}

/// Writes one delta; the end of the deltas is `[DONE]`, an error is the end.
fn step(
    delta: Option<Result<Delta>>,
    chunks: &Chunks,
    include_usage: bool,
    state: &mut State,
) -> Option<Result<Bytes>> {
    match delta {
        Some(Ok(Delta::Text(text))) => Some(Ok(chunks.text(&text))),
        Some(Ok(Delta::Finish(reason))) => Some(Ok(chunks.finish(reason))),
        Some(Ok(Delta::Usage(usage))) if include_usage => Some(Ok(chunks.usage(usage))),
        Some(Ok(Delta::Usage(_))) => Some(Ok(Bytes::new())),
        Some(Err(err)) => {
            *state = State::Done;
            Some(Err(err))
        }
        None => {
            *state = State::Done;
            Some(Ok(DONE))
        }
    }
}

pin_project! {
    /// Deltas as one object.
    struct Whole<S> {
        #[pin]
        deltas: S,
        chunks: Chunks,
        text: Option<String>,
        finish: Option<FinishReason>,
        usage: Option<Usage>,
    }
}

impl<S: Stream<Item = Result<Delta>>> Stream for Whole<S> {
    type Item = Result<Bytes>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut this = self.project();
        while let Some(text) = &mut this.text {
            match std::task::ready!(this.deltas.as_mut().poll_next(cx)) {
                Some(Ok(Delta::Text(part))) => text.push_str(&part),
                Some(Ok(Delta::Finish(reason))) => *this.finish = Some(reason),
                Some(Ok(Delta::Usage(usage))) => *this.usage = Some(usage),
                Some(Err(err)) => {
                    *this.text = None;
                    return Poll::Ready(Some(Err(err)));
                }
                None => {
                    let reason = this.finish.unwrap_or(FinishReason::Stop);
                    let whole = this.chunks.whole(text, reason, *this.usage);
                    *this.text = None;
                    return Poll::Ready(Some(Ok(whole)));
                }
            }
        }
        Poll::Ready(None)
    }
}
