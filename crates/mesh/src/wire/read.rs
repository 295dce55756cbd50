//! From a request body to what routing and local nodes need.

use std::borrow::Cow;
use std::ops::Range;

use bytes::Bytes;
use maily_errors::{Code, Error, Public, Result};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::model::{Chat, Message, ModelName, Prompt, PromptHead, Role, Tenant};

#[derive(Deserialize)]
struct RawHead<'a> {
    #[serde(borrow)]
    model: Option<&'a RawValue>,
    #[serde(borrow)]
    messages: Option<&'a RawValue>,
    stream: Option<bool>,
    #[serde(borrow)]
    stream_options: Option<&'a RawValue>,
    max_tokens: Option<u32>,
    max_completion_tokens: Option<u32>,
}

#[derive(Default, Deserialize)]
struct RawStreamOptions {
    include_usage: Option<bool>,
}

/// Reads what routing needs. O(bytes), no allocation but the model's name.
pub(crate) fn read_head(body: &Bytes) -> Result<PromptHead> {
    if body.len() > Prompt::MAX_BYTES {
        return Err(Error::new(Code::PromptTooLarge, "the prompt is too large")
            .with_operation("mesh::parse")
            .with_context("limit_bytes", Public(Prompt::MAX_BYTES))
            .with_context("bytes", Public(body.len())));
    }
    let raw: RawHead<'_> = serde_json::from_slice(body).map_err(|err| unreadable(&err))?;
    let model = raw.model.ok_or_else(|| missing("/model", "name a model"))?;
    let name: Cow<'_, str> =
        serde_json::from_str(model.get()).map_err(|_| missing("/model", "must be a text"))?;
    if name.is_empty() {
        return Err(missing("/model", "must not be empty"));
    }
    let messages = raw.messages.ok_or_else(|| missing("/messages", "send at least one message"))?;
    let inner = messages.get().strip_prefix('[').ok_or_else(|| missing("/messages", "must be a list"))?;
    if inner.trim_start().starts_with(']') {
        return Err(missing("/messages", "send at least one message"));
    }
    let options: RawStreamOptions = match raw.stream_options {
        Some(options) => serde_json::from_str(options.get())
            .map_err(|_| missing("/stream_options", "must be an object or absent"))?,
        None => RawStreamOptions::default(),
    };
    let tokens = messages.get().len() / 4 + 1;
    Ok(PromptHead {
        model: ModelName::new(name),
        stream: raw.stream.unwrap_or(false),
        include_usage: options.include_usage.unwrap_or(false),
        max_tokens: raw.max_completion_tokens.or(raw.max_tokens),
        estimated_tokens: u32::try_from(tokens).unwrap_or(u32::MAX),
        prefix: prefix_hash(messages.get().as_bytes()),
        deadline: None,
        trace: None,
        tenant: Tenant::default(),
        model_span: span(body, model.get()),
        messages_span: span(body, messages.get()),
    })
}

/// Where a borrowed part stands in the whole.
pub(super) fn span(whole: &[u8], part: &str) -> Range<usize> {
    // Both are addresses in one allocation, so the difference is the offset.
    let start = part.as_ptr().addr() - whole.as_ptr().addr();
    start..start + part.len()
}

/// FNV-1a over 64-bit words of the first 1024 bytes: the same on every machine.
fn prefix_hash(messages: &[u8]) -> u64 {
    let prefix = &messages[..messages.len().min(1024)];
    let (words, rest) = prefix.as_chunks::<8>();
    let mut last = [0; 8];
    last[..rest.len()].copy_from_slice(rest);
    let step = |hash: u64, word: u64| (hash ^ word).wrapping_mul(0x0000_0100_0000_01b3).rotate_left(29);
    let hash = words.iter().map(|word| u64::from_le_bytes(*word)).fold(0xcbf2_9ce4_8422_2325, step);
    step(hash, u64::from_le_bytes(last))
}

/// The text of a `serde` error may quote the input, so only its place is kept.
fn unreadable(err: &serde_json::Error) -> Error {
    Error::new(Code::PromptInvalid, "the prompt is not a chat-completions object")
        .with_operation("mesh::parse")
        .with_context("line", Public(err.line()))
        .with_context("column", Public(err.column()))
}

fn missing(pointer: &'static str, detail: &'static str) -> Error {
    Error::new(Code::PromptInvalid, "the prompt cannot be routed")
        .with_operation("mesh::parse")
        .with_violation(pointer, detail)
}

#[derive(Deserialize)]
struct RawChat<'a> {
    #[serde(borrow)]
    messages: Vec<RawMessage<'a>>,
    temperature: Option<f32>,
    top_p: Option<f32>,
    seed: Option<u64>,
    stop: Option<Stop>,
}

#[derive(Deserialize)]
struct RawMessage<'a> {
    role: Role,
    #[serde(borrow)]
    content: Option<Content<'a>>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Content<'a> {
    Text(#[serde(borrow)] Cow<'a, str>),
    Parts(#[serde(borrow)] Vec<Part<'a>>),
}

#[derive(Deserialize)]
struct Part<'a> {
    #[serde(borrow)]
    text: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Stop {
    One(String),
    Many(Vec<String>),
}

/// Reads the whole conversation.
pub(crate) fn read_chat(body: &[u8]) -> Result<Chat> {
    let raw: RawChat<'_> = serde_json::from_slice(body).map_err(|err| unreadable(&err))?;
    let messages = raw.messages.into_iter().enumerate().map(|(index, message)| message.read(index));
    let stop = match raw.stop {
        Some(Stop::One(text)) => vec![text],
        Some(Stop::Many(texts)) => texts,
        None => Vec::new(),
    };
    Ok(Chat {
        messages: messages.collect::<Result<_>>()?,
        temperature: raw.temperature,
        top_p: raw.top_p,
        seed: raw.seed,
        stop,
    })
}

impl RawMessage<'_> {
    fn read(self, index: usize) -> Result<Message> {
        let content = match self.content {
            Some(Content::Text(text)) => text.into_owned(),
            Some(Content::Parts(parts)) => join(parts).ok_or_else(|| {
                Error::new(Code::PromptInvalid, "this model reads text only")
                    .with_operation("mesh::read_chat")
                    .with_violation(format!("/messages/{index}/content"), "must have text parts only")
            })?,
            // An assistant that only called a tool said nothing.
            None => String::new(),
        };
        Ok(Message { role: self.role, content })
    }
}

/// Reads the last message of the person, pictures left out; `None` when it says nothing.
pub(crate) fn last_user_text(messages: &[u8]) -> Option<String> {
    let list: Vec<&RawValue> = serde_json::from_slice(messages).ok()?;
    let read = |raw: &RawValue| serde_json::from_str::<RawMessage<'_>>(raw.get()).ok().map(text_of);
    let text = list
        .into_iter()
        .rev()
        .filter_map(read)
        .find_map(|(role, text)| (role == Role::User).then_some(text))?;
    (!text.trim().is_empty()).then_some(text)
}

fn text_of(message: RawMessage<'_>) -> (Role, String) {
    let text = match message.content {
        Some(Content::Text(text)) => text.into_owned(),
        Some(Content::Parts(parts)) => {
            parts.into_iter().filter_map(|part| part.text).collect::<Vec<_>>().join("\n")
        }
        None => String::new(),
    };
    (message.role, text)
}

fn join(parts: Vec<Part<'_>>) -> Option<String> {
    let texts: Option<Vec<_>> = parts.into_iter().map(|part| part.text).collect();
    Some(texts?.join("\n"))
}
