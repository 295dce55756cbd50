//! From a request body to what routing and local nodes need.

use std::borrow::Cow;
use std::ops::Range;

use bytes::Bytes;
use maily_errors::{Code, Error, Public, Result};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use super::spans::Spans;
use crate::model::{
    Betas, Caching, Chat, Course, Format, Message, ModelName, Priority, Prompt, PromptHead, Role, Tenant,
};

#[derive(Deserialize)]
struct RawHead<'a> {
    #[serde(borrow)]
    model: Option<&'a RawValue>,
    #[serde(borrow)]
    messages: Option<&'a RawValue>,
    #[serde(borrow)]
    input: Option<&'a RawValue>,
    #[serde(borrow)]
    prompt: Option<&'a RawValue>,
    #[serde(borrow)]
    system: Option<&'a RawValue>,
    #[serde(borrow)]
    instructions: Option<&'a RawValue>,
    #[serde(borrow)]
    tools: Option<&'a RawValue>,
    stream: Option<bool>,
    #[serde(borrow)]
    stream_options: Option<&'a RawValue>,
    max_tokens: Option<u32>,
    max_completion_tokens: Option<u32>,
    max_output_tokens: Option<u32>,
}

/// A text that is copied only if something in it is escaped.
#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

#[derive(Default, Deserialize)]
struct RawStreamOptions {
    include_usage: Option<bool>,
}

/// Reads what routing needs. O(bytes), no allocation but the model's name.
pub(crate) fn read_head(format: Format, body: &Bytes) -> Result<PromptHead> {
    if body.len() > Prompt::MAX_BYTES {
        return Err(Error::new(Code::PromptTooLarge, "the prompt is too large")
            .with_operation("mesh::parse")
            .with_context("limit_bytes", Public(Prompt::MAX_BYTES))
            .with_context("bytes", Public(body.len())));
    }
    let raw: RawHead<'_> = serde_json::from_slice(body).map_err(|err| unreadable(&err))?;
    let model = raw.model.ok_or_else(|| missing("/model", "name a model"))?;
    let Text(name) = serde_json::from_str(model.get()).map_err(|_| missing("/model", "must be a text"))?;
    if name.is_empty() {
        return Err(missing("/model", "must not be empty"));
    }
    let said = said(format, &raw)?;
    let options: RawStreamOptions = match raw.stream_options {
        Some(options) => serde_json::from_str(options.get())
            .map_err(|_| missing("/stream_options", "must be an object or absent"))?,
        None => RawStreamOptions::default(),
    };
    let [tools, rules] =
        [raw.tools, raw.system.or(raw.instructions)].map(|part| part.map_or("", RawValue::get));
    let tokens = (tools.len() + rules.len() + said.len()) / 4 + 1;
    let place = |part: &str| if part.is_empty() { 0..0 } else { span(body, part) };
    Ok(PromptHead {
        format,
        model: ModelName::new(name),
        stream: format != Format::Embeddings && raw.stream.unwrap_or(false),
        include_usage: match format {
            Format::Chat | Format::Completions => options.include_usage.unwrap_or(false),
            Format::Embeddings | Format::Messages | Format::Responses => true,
        },
        max_tokens: raw.max_completion_tokens.or(raw.max_output_tokens).or(raw.max_tokens),
        estimated_tokens: u32::try_from(tokens).unwrap_or(u32::MAX),
        prefix: prefix_hash(rules.as_bytes(), said.as_bytes()),
        deadline: None,
        trace: None,
        trace_state: None,
        betas: Betas::default(),
        tenant: Tenant::default(),
        key: None,
        priority: Priority::default(),
        caching: Caching::default(),
        counting: false,
        resumable: false,
        last_event: None,
        course: Course::default(),
        spans: Spans {
            model: span(body, model.get()),
            tools: place(tools),
            rules: place(rules),
            said: place(said),
        },
    })
}

/// What is said, as it is written: a list of messages, a text, or nothing where the node keeps it.
fn said<'a>(format: Format, raw: &RawHead<'a>) -> Result<&'a str> {
    let value = match format {
        Format::Chat | Format::Messages => raw.messages,
        Format::Completions => raw.prompt,
        Format::Embeddings | Format::Responses => raw.input,
    };
    let pointer = format.said_at();
    let list = |value: &'a RawValue| match value.get().strip_prefix('[') {
        Some(inner) if inner.trim_start().starts_with(']') => Err(missing(pointer, "must not be empty")),
        list => Ok(list.is_some()),
    };
    match (format, value) {
        (Format::Chat | Format::Messages, None) => Err(missing(pointer, "send at least one message")),
        (Format::Chat | Format::Messages, Some(value)) => {
            if list(value)? {
                Ok(value.get())
            } else {
                Err(missing(pointer, "must be a list"))
            }
        }
        (Format::Completions | Format::Embeddings, None) => Err(missing(pointer, "send a text")),
        (Format::Responses, None) => Ok(""),
        (Format::Completions | Format::Embeddings | Format::Responses, Some(value)) => {
            if list(value)? || value.get().starts_with('"') {
                Ok(value.get())
            } else {
                Err(missing(pointer, "must be a text or a list"))
            }
        }
    }
}

/// Where a borrowed part stands in the whole.
pub(super) fn span(whole: &[u8], part: &str) -> Range<usize> {
    // Both are addresses in one allocation, so the difference is the offset.
    let start = part.as_ptr().addr() - whole.as_ptr().addr();
    start..start + part.len()
}

/// FNV-1a over 64-bit words of the first 1024 bytes: the same on every machine.
fn prefix_hash(rules: &[u8], messages: &[u8]) -> u64 {
    // Where rules stand apart, a provider caches them in front of what is said.
    let mut prefix = [0; 1024];
    let behind = rules.len().min(prefix.len());
    prefix[..behind].copy_from_slice(&rules[..behind]);
    let end = (behind + messages.len()).min(prefix.len());
    prefix[behind..end].copy_from_slice(&messages[..end - behind]);
    let (words, rest) = prefix[..end].as_chunks::<8>();
    let mut last = [0; 8];
    last[..rest.len()].copy_from_slice(rest);
    let step = |hash: u64, word: u64| (hash ^ word).wrapping_mul(0x0000_0100_0000_01b3).rotate_left(29);
    let hash = words.iter().map(|word| u64::from_le_bytes(*word)).fold(0xcbf2_9ce4_8422_2325, step);
    step(hash, u64::from_le_bytes(last))
}

/// The text of a `serde` error may quote the input, so only its place is kept.
fn unreadable(err: &serde_json::Error) -> Error {
    Error::new(Code::PromptInvalid, "the prompt is not a JSON object of its format")
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
    tool_use_id: Option<IgnoredAny>,
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
///
/// `said` is a list of messages, or the text itself. Results of tools are read over: they are no words of
/// the person, though messages writes them so.
pub(crate) fn last_user_text(said: &[u8]) -> Option<String> {
    if said.starts_with(b"\"") {
        let text: String = serde_json::from_slice(said).ok()?;
        return (!text.trim().is_empty()).then_some(text);
    }
    let list: Vec<&RawValue> = serde_json::from_slice(said).ok()?;
    let read = |raw: &RawValue| serde_json::from_str::<RawMessage<'_>>(raw.get()).ok().map(text_of);
    let text = list
        .into_iter()
        .rev()
        .filter_map(read)
        .find_map(|(role, said)| (role == Role::User).then_some(said).flatten())?;
    (!text.trim().is_empty()).then_some(text)
}

/// Finds the text with which the person ends what is said, and where it stands with its quotes.
///
/// `None` when somebody else ends it, or when the last message has more than one part.
pub(crate) fn last_text(said: &[u8]) -> Option<(Range<usize>, String)> {
    let whole = std::str::from_utf8(said).ok()?;
    let raw = if whole.starts_with('"') {
        whole
    } else {
        let list: Vec<&RawValue> = serde_json::from_str(whole).ok()?;
        let last: RawSaid<'_> = serde_json::from_str(list.last()?.get()).ok()?;
        let content = last.content.get();
        match content.strip_prefix('[') {
            _ if last.role != Role::User => return None,
            None => content,
            Some(_) => {
                let [RawText { text }] = serde_json::from_str(content).ok()?;
                text.get()
            }
        }
    };
    Some((span(said, raw), serde_json::from_str(raw).ok()?))
}

#[derive(Deserialize)]
struct RawSaid<'a> {
    role: Role,
    #[serde(borrow)]
    content: &'a RawValue,
}

#[derive(Deserialize)]
struct RawText<'a> {
    #[serde(borrow)]
    text: &'a RawValue,
}

/// Who speaks, and the text; `None` for a message that only carries the results of tools.
fn text_of(message: RawMessage<'_>) -> (Role, Option<String>) {
    let text = match message.content {
        Some(Content::Text(text)) => Some(text.into_owned()),
        Some(Content::Parts(parts)) => {
            let results_only = !parts.is_empty() && parts.iter().all(|part| part.tool_use_id.is_some());
            let texts = parts.into_iter().filter_map(|part| part.text).collect::<Vec<_>>().join("\n");
            (!results_only).then_some(texts)
        }
        None => Some(String::new()),
    };
    (message.role, text)
}

fn join(parts: Vec<Part<'_>>) -> Option<String> {
    let texts: Option<Vec<_>> = parts.into_iter().map(|part| part.text).collect();
    Some(texts?.join("\n"))
}
