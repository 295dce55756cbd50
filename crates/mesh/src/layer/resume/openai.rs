//! What resume reads and writes of chat completions and completions, which differ in where the text stands.

use std::borrow::Cow;
use std::collections::BTreeMap;

use maily_errors::Result;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use super::edits::{Edits, json_text};
use super::framer::{failed, malformed};
use super::seam::Seam;
use super::told::{Identity, Story};
use crate::model::{Format, Prompt};
use crate::wire::SseEvent;

#[derive(Deserialize)]
struct Chunk<'a> {
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    #[serde(borrow)]
    created: Option<&'a RawValue>,
    #[serde(borrow)]
    model: Option<&'a RawValue>,
    #[serde(borrow, default)]
    choices: Vec<Choice<'a>>,
    #[serde(borrow)]
    usage: Option<&'a RawValue>,
    error: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct Choice<'a> {
    #[serde(default)]
    index: u32,
    #[serde(borrow)]
    delta: Option<Said<'a>>,
    // Of completions.
    #[serde(borrow)]
    text: Option<&'a RawValue>,
    finish_reason: Option<IgnoredAny>,
}

impl<'a> Choice<'a> {
    /// Where the text stands.
    fn content(&self) -> Option<&'a RawValue> {
        self.text.or_else(|| self.delta.as_ref()?.content)
    }

    /// What is said; never empty.
    fn said(&self) -> Option<Cow<'a, str>> {
        let text: Cow<'a, str> = serde_json::from_str(self.content()?.get()).ok()?;
        Some(text).filter(|text| !text.is_empty())
    }
}

#[derive(Deserialize)]
struct Said<'a> {
    #[serde(borrow)]
    content: Option<&'a RawValue>,
    #[serde(borrow, alias = "reasoning")]
    reasoning_content: Option<Cow<'a, str>>,
    tool_calls: Option<IgnoredAny>,
    function_call: Option<IgnoredAny>,
}

impl Said<'_> {
    const fn calls(&self) -> bool {
        self.tool_calls.is_some() || self.function_call.is_some()
    }

    fn reasons(&self) -> bool {
        self.reasoning_content.as_ref().is_some_and(|text| !text.is_empty())
    }
}

fn parse(data: &str) -> Result<Chunk<'_>> {
    serde_json::from_str(data).map_err(|_| malformed("an event is no chunk of a chat completion"))
}

/// Adds an event that the reader has.
pub(super) fn read(event: &SseEvent, story: &mut Story) -> Result<()> {
    if event.data == "[DONE]" {
        story.done = true;
        return Ok(());
    }
    let chunk = parse(&event.data)?;
    if let (None, Some(id), Some(created), Some(model)) =
        (&story.identity, chunk.id, chunk.created, chunk.model)
    {
        let [id, created, model] = [id, created, model].map(|value| value.get().to_owned());
        story.identity = Some(Identity { id, created, model });
    }
    for choice in &chunk.choices {
        story.finished |= choice.finish_reason.is_some();
        if choice.index > 0 {
            story.hurdle = Some("several choices");
        }
        let told = choice.delta.as_ref();
        if told.is_some_and(Said::calls) {
            story.hurdle = Some("a tool call");
        } else if told.is_some_and(Said::reasons) {
            story.hurdle = Some("reasoning");
        } else if let Some(text) = choice.said() {
            story.tokens += 1;
            story.text.push_str(&text);
        }
    }
    Ok(())
}

/// The fields of a body, as they are written.
type Fields<'a> = BTreeMap<Cow<'a, str>, &'a RawValue>;

/// Writes the prompt that asks for the rest, or says why there cannot be one.
pub(super) fn ask(prompt: &Prompt, story: &Story) -> std::result::Result<Prompt, &'static str> {
    if let Some(hurdle) = story.hurdle {
        return Err(hurdle);
    }
    let sent = story.text.trim_end();
    if sent.is_empty() {
        return Ok(prompt.clone());
    }
    let body = std::str::from_utf8(prompt.body()).map_err(|_| "a prompt that is not utf-8")?;
    let fields: Fields<'_> = serde_json::from_str(body).map_err(|_| "a prompt that cannot be read")?;
    if fields.get("n").is_some_and(|n| !matches!(n.get(), "1" | "null")) {
        return Err("several choices");
    }
    if fields.get("response_format").is_some_and(|format| !format.get().contains("\"text\""))
        || GRAMMARS.iter().any(|grammar| fields.get(*grammar).is_some_and(|value| value.get() != "null"))
    {
        // The grammar would begin anew.
        return Err("a grammar");
    }
    let mut edits = Edits::new(body);
    for field in ["max_tokens", "max_completion_tokens"] {
        if let Some((value, most)) =
            fields.get(field).and_then(|value| Some((value, value.get().parse::<u32>().ok()?)))
        {
            edits.replace(value, most.saturating_sub(story.tokens).max(1).to_string());
        }
    }
    match prompt.head.format {
        Format::Completions => lengthen(&mut edits, &fields, sent)?,
        _ => append(&mut edits, &fields, sent, body)?,
    }
    let mut next = prompt.clone().with_body(edits.apply().into()).map_err(|_| "a prompt over its limit")?;
    next.head.course.continues = true;
    Ok(next)
}

/// Adds what was said to the text that goes on.
fn lengthen(edits: &mut Edits<'_>, fields: &Fields<'_>, sent: &str) -> std::result::Result<(), &'static str> {
    if fields.get("echo").is_some_and(|echo| echo.get() == "true") {
        return Err("an echo of the prompt");
    }
    let text =
        fields.get("prompt").and_then(|text| Some((text, serde_json::from_str::<String>(text.get()).ok()?)));
    let (value, begun) = text.ok_or("a prompt that is no text")?;
    edits.replace(value, json_text(&(begun + sent)));
    Ok(())
}

/// Adds what was said as the beginning of the assistant's message, and the words that vLLM and SGLang need.
fn append(
    edits: &mut Edits<'_>,
    fields: &Fields<'_>,
    sent: &str,
    body: &str,
) -> std::result::Result<(), &'static str> {
    #[derive(Deserialize)]
    struct Last<'a> {
        role: &'a str,
        #[serde(borrow)]
        content: Option<&'a RawValue>,
    }
    let mut front = String::new();
    for (field, value) in [("continue_final_message", "true"), ("add_generation_prompt", "false")] {
        match fields.get(field) {
            Some(known) => edits.replace(known, value),
            None => front.push_str(&format!("\"{field}\":{value},")),
        }
    }
    edits.insert(body.find('{').map_or(0, |brace| brace + 1), front);
    let messages = fields.get("messages").ok_or("a prompt without messages")?;
    let list: Vec<&RawValue> =
        serde_json::from_str(messages.get()).map_err(|_| "a prompt without messages")?;
    let last: Option<Last<'_>> = list.last().and_then(|last| serde_json::from_str(last.get()).ok());
    match last {
        Some(Last { role: "assistant", content }) => {
            let goes_on = fields.get("continue_final_message").is_some_and(|value| value.get() == "true");
            let begun = content
                .and_then(|content| Some((content, serde_json::from_str::<String>(content.get()).ok()?)));
            let (content, begun) = begun.filter(|_| goes_on).ok_or("an answer that the client began")?;
            edits.replace(content, json_text(&(begun + sent)));
        }
        _ => {
            let end = messages.get().as_ptr().addr() - body.as_ptr().addr() + messages.get().len() - 1;
            edits.insert(end, format!(",{{\"role\":\"assistant\",\"content\":{}}}", json_text(sent)));
        }
    }
    Ok(())
}

/// What constrains an answer from its first character on, at vLLM, SGLang and llama.cpp.
const GRAMMARS: [&str; 10] = [
    "guided_json",
    "guided_regex",
    "guided_choice",
    "guided_grammar",
    "structured_outputs",
    "regex",
    "ebnf",
    "json_schema",
    "grammar",
    "prediction",
];

/// Turns the events of a continuation into events of the answer that it continues.
#[derive(Debug)]
pub(super) struct Joint {
    format: Format,
    /// A comment that stands in front of the next event.
    marker: String,
    identity: Option<Identity>,
    seam: Seam,
    /// The tokens that another node was paid for, less those that this one says again.
    tokens: u32,
    prefix_tokens: u32,
}

impl Joint {
    pub(super) fn new(format: Format, story: &Story) -> Self {
        let asked = if story.text.trim_end().is_empty() { 0 } else { story.tokens };
        Self {
            format,
            marker: String::new(),
            identity: story.identity.clone(),
            seam: Seam::new(&story.text),
            tokens: story.tokens,
            prefix_tokens: asked,
        }
    }

    /// Puts a comment in front of the next event.
    pub(super) fn mark(&mut self, comment: String) {
        self.marker = comment;
    }

    /// Writes what the reader does not have of an event.
    pub(super) fn event(&mut self, event: &SseEvent, out: &mut Vec<u8>) -> Result<()> {
        if event.data == "[DONE]" {
            self.flush(out);
            self.write("[DONE]", out);
            return Ok(());
        }
        let chunk = parse(&event.data)?;
        if chunk.error.is_some() || event.name == "error" {
            return Err(failed());
        }
        let mut edits = Edits::new(&event.data);
        let choice = chunk.choices.first();
        let said = choice.and_then(|choice| choice.delta.as_ref());
        let text = choice.and_then(Choice::said);
        let ends = choice.is_none_or(|choice| choice.finish_reason.is_some());
        let others = said.is_some_and(|said| said.calls() || said.reasons());
        let passed = text.as_ref().map(|text| self.seam.push(text)).unwrap_or_default();
        if text.is_some() && passed.is_empty() {
            self.tokens = self.tokens.saturating_sub(1);
        }
        if passed.is_empty() && !ends && !others {
            // A role that the reader has, or a repetition.
            return Ok(());
        }
        if let (Some(text), Some(content)) = (&text, choice.and_then(Choice::content))
            && *text != passed
        {
            edits.replace(content, json_text(&passed));
        }
        if ends || others {
            self.flush(out);
        }
        if let Some(Identity { id, created, model }) = &self.identity {
            for (value, with) in [(chunk.id, id), (chunk.created, created), (chunk.model, model)] {
                if let Some(value) = value {
                    edits.replace(value, with);
                }
            }
        }
        if let Some(usage) = chunk.usage {
            self.count(usage, &mut edits);
        }
        let event = edits.apply();
        self.write(&event, out);
        Ok(())
    }

    /// Writes the text that was held back in an event of its own.
    fn flush(&mut self, out: &mut Vec<u8>) {
        let text = self.seam.flush();
        if text.is_empty() {
            return;
        }
        let identity = self.identity.as_ref().map(|Identity { id, created, model }| {
            format!("\"id\":{id},\"created\":{created},\"model\":{model},")
        });
        let text = json_text(&text);
        let (object, said) = match self.format {
            Format::Completions => ("text_completion", format!("\"text\":{text}")),
            _ => ("chat.completion.chunk", format!("\"delta\":{{\"content\":{text}}}")),
        };
        let identity = identity.unwrap_or_default();
        let choice = format!("{{\"index\":0,{said},\"finish_reason\":null}}");
        let event = format!("{{{identity}\"object\":\"{object}\",\"choices\":[{choice}]}}");
        self.write(&event, out);
    }

    /// Counts the answer as one: its tokens are those of both nodes, its prompt is the client's.
    fn count(&self, usage: &RawValue, edits: &mut Edits<'_>) {
        let Ok(fields) = serde_json::from_str::<BTreeMap<&str, &RawValue>>(usage.get()) else { return };
        let number = |name: &str| fields.get(name).and_then(|value| value.get().parse::<u32>().ok());
        let (Some(prompt), Some(answer)) = (number("prompt_tokens"), number("completion_tokens")) else {
            return;
        };
        let prompt = prompt.saturating_sub(self.prefix_tokens);
        let answer = answer.saturating_add(self.tokens);
        let total = prompt.saturating_add(answer);
        for (name, value) in
            [("prompt_tokens", prompt), ("completion_tokens", answer), ("total_tokens", total)]
        {
            if let Some(field) = fields.get(name) {
                edits.replace(field, value.to_string());
            }
        }
    }

    fn write(&mut self, data: &str, out: &mut Vec<u8>) {
        for part in [std::mem::take(&mut self.marker).as_str(), "data: ", data, "\n\n"] {
            out.extend_from_slice(part.as_bytes());
        }
    }
}
