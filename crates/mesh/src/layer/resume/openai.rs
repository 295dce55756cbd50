//! What resume reads and writes of chat completions and completions, which differ in where the text stands.

use std::borrow::Cow;

use maily_errors::{Code, Error, Result};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use super::ask::{self, Attempt, Fields, Last};
use super::edits::{Edits, json_text};
use super::framer::{failed, malformed};
use super::pen::Pen;
use super::rest::Rest;
use super::told::{Identity, Story};
use crate::model::Format;
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
    #[serde(borrow)]
    reasoning_content: Option<Cow<'a, str>>,
    // What vLLM calls it since 0.12; some servers send both.
    #[serde(borrow)]
    reasoning: Option<Cow<'a, str>>,
    tool_calls: Option<IgnoredAny>,
    function_call: Option<IgnoredAny>,
}

impl Said<'_> {
    const fn calls(&self) -> bool {
        self.tool_calls.is_some() || self.function_call.is_some()
    }

    /// What is thought, and the field that says it; never empty.
    fn thought(&self) -> Option<(&'static str, &str)> {
        let fields = [("reasoning_content", &self.reasoning_content), ("reasoning", &self.reasoning)];
        let mut thoughts = fields.into_iter().filter_map(|(field, text)| Some((field, text.as_deref()?)));
        thoughts.find(|(_, text)| !text.is_empty())
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
        } else if let Some((field, text)) = told.and_then(Said::thought) {
            story.tokens += 1;
            story.thought_in = Some(field);
            story.thought.push_str(text);
        } else if let Some(text) = choice.said() {
            story.tokens += 1;
            story.text.push_str(&text);
        }
    }
    Ok(())
}

/// Adds what was said to the text that goes on.
pub(super) fn lengthen(edits: &mut Edits<'_>, fields: &Fields<'_>, sent: &str) -> Attempt {
    refuse(fields)?;
    if fields.get("echo").is_some_and(|echo| echo.get() == "true") {
        return Err("an echo of the prompt");
    }
    let begun = fields.get("prompt").is_some_and(|text| ask::lengthen(edits, text, sent));
    if begun { Ok(()) } else { Err("a prompt that is no text") }
}

/// Adds what was said as the beginning of the assistant's message, and what was thought before it.
pub(super) fn append(edits: &mut Edits<'_>, fields: &Fields<'_>, sent: &str, story: &Story) -> Attempt {
    refuse(fields)?;
    let messages = fields.get("messages").ok_or("a prompt without messages")?;
    match Last::of(messages)? {
        Some(last) if last.role == "assistant" => {
            let goes_on = fields.get("continue_final_message").is_some_and(|value| value.get() == "true");
            if !goes_on || !last.content.is_some_and(|content| ask::lengthen(edits, content, sent)) {
                return Err("an answer that the client began");
            }
        }
        _ => {
            // Templates of models that think put it where they look for it.
            let thought = story.thought_in.map(|field| format!(",\"{field}\":{}", json_text(&story.thought)));
            let (sent, thought) = (json_text(sent), thought.unwrap_or_default());
            edits.push(messages, &format!("{{\"role\":\"assistant\",\"content\":{sent}{thought}}}"));
        }
    }
    ask::go_on(edits, fields);
    Ok(())
}

/// Refuses what a second node would begin anew, or not count alike.
fn refuse(fields: &Fields<'_>) -> Attempt {
    if fields.get("n").is_some_and(|n| !matches!(n.get(), "1" | "null")) {
        return Err("several choices");
    }
    let is_text = |format: &RawValue| {
        serde_json::from_str::<Option<ResponseFormat<'_>>>(format.get())
            .is_ok_and(|format| format.is_none_or(|format| format.kind == "text"))
    };
    let format = fields.get("response_format").is_some_and(|format| !is_text(format));
    let is_there = |grammar: &&str| fields.get(*grammar).is_some_and(|value| value.get() != "null");
    if format || GRAMMARS.iter().any(is_there) { Err("a grammar") } else { Ok(()) }
}

/// How the client wants the answer.
#[derive(Deserialize)]
struct ResponseFormat<'a> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
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
    identity: Option<Identity>,
    /// Whether the reader has some of the text, and not only thoughts.
    speaks: bool,
    rest: Rest,
}

impl Joint {
    pub(super) fn new(format: Format, story: &Story) -> Self {
        let (identity, speaks) = (story.identity.clone(), !story.text.is_empty());
        Self { format, identity, speaks, rest: Rest::new(story) }
    }

    /// Writes what the reader does not have of an event.
    pub(super) fn event(&mut self, event: &SseEvent, pen: &mut Pen) -> Result<()> {
        if event.data == "[DONE]" {
            self.flush(pen);
            pen.write("", "[DONE]");
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
        let thinks = said.is_some_and(|said| said.thought().is_some());
        if thinks && self.speaks {
            return Err(Error::new(Code::StreamGone, "the node thinks anew in the middle of the answer")
                .with_operation("mesh::resume"));
        }
        let others = thinks || said.is_some_and(Said::calls);
        let passed = text.as_ref().map(|text| self.rest.push(text)).unwrap_or_default();
        let role = text.is_none() && self.identity.is_none();
        if passed.is_empty() && !ends && !others && !role {
            // A role that the reader has, or a repetition.
            return Ok(());
        }
        if let (Some(text), Some(content)) = (&text, choice.and_then(Choice::content))
            && *text != passed
        {
            edits.replace(content, json_text(&passed));
        }
        if ends || others {
            self.flush(pen);
        }
        if let Some(Identity { id, created, model }) = &self.identity {
            for (value, with) in [(chunk.id, id), (chunk.created, created), (chunk.model, model)] {
                if let Some(value) = value {
                    edits.replace(value, with);
                }
            }
        }
        if let Some(usage) = chunk.usage {
            self.rest.count(usage, ["prompt_tokens", "completion_tokens"], &mut edits);
        }
        pen.write("", &edits.apply());
        Ok(())
    }

    /// Writes the text that was held back in an event of its own.
    fn flush(&mut self, pen: &mut Pen) {
        let text = self.rest.flush();
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
        pen.write("", &format!("{{{identity}\"object\":\"{object}\",\"choices\":[{choice}]}}"));
    }
}
