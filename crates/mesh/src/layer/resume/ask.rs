//! The prompt that asks for the rest of an answer.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::edits::{Edits, json_text};
use super::told::Story;
use super::{messages, openai, responses};
use crate::model::{Format, Prompt};

/// The fields of a body, as they are written.
pub(super) type Fields<'a> = BTreeMap<Cow<'a, str>, &'a RawValue>;

/// Why there is no such prompt, or nothing.
pub(super) type Attempt = Result<(), &'static str>;

/// Writes the prompt that asks for the rest, or says why there cannot be one.
///
/// The text is sent without the blanks that it ends with: a model continues a word better than a blank, and some servers
/// refuse them. `signs` says whether a node that had the prompt signs what its model thinks.
pub(super) fn ask(prompt: &Prompt, story: &Story, signs: bool) -> Result<Prompt, &'static str> {
    if let Some(hurdle) = story.hurdle {
        return Err(hurdle);
    }
    let sent = story.text.trim_end();
    let body = std::str::from_utf8(prompt.body()).map_err(|_| "a prompt that is not utf-8")?;
    let fields: Fields<'_> = serde_json::from_str(body).map_err(|_| "a prompt that cannot be read")?;
    if sent.is_empty() {
        match prompt.head.format {
            Format::Messages => messages::begin_anew(story, signs)?,
            Format::Responses => responses::begin_anew(&fields, story)?,
            Format::Chat | Format::Completions | Format::Embeddings => {}
        }
        return Ok(prompt.clone());
    }
    let mut edits = Edits::new(body);
    for field in ["max_tokens", "max_completion_tokens", "max_output_tokens"] {
        if let Some((value, most)) =
            fields.get(field).and_then(|value| Some((value, value.get().parse::<u32>().ok()?)))
        {
            edits.replace(value, most.saturating_sub(story.tokens).max(1).to_string());
        }
    }
    match prompt.head.format {
        Format::Chat => openai::append(&mut edits, &fields, sent, story)?,
        Format::Completions => openai::lengthen(&mut edits, &fields, sent)?,
        // It is no stream, so it is never cut in the middle.
        Format::Embeddings => return Err("vectors"),
        Format::Messages => messages::append(&mut edits, &fields, sent, story)?,
        Format::Responses => responses::append(&mut edits, &fields, sent, story)?,
    }
    prompt.clone().with_body(edits.apply().into()).map_err(|_| "a prompt over its limit")
}

/// Asks for the rest of the last message instead of a new one, in the words of vLLM and SGLang.
pub(super) fn go_on(edits: &mut Edits<'_>, fields: &Fields<'_>) {
    let mut front = String::new();
    for (field, value) in [("continue_final_message", "true"), ("add_generation_prompt", "false")] {
        match fields.get(field) {
            Some(known) => edits.replace(known, value),
            None => front.push_str(&format!("\"{field}\":{value},")),
        }
    }
    edits.insert_front(front);
}

/// The last message of a conversation.
#[derive(Deserialize)]
pub(super) struct Last<'a> {
    #[serde(borrow)]
    pub(super) role: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) content: Option<&'a RawValue>,
}

impl<'a> Last<'a> {
    /// Reads the last message of a list, if it has one.
    pub(super) fn of(list: &'a RawValue) -> Result<Option<Self>, &'static str> {
        let list: Vec<&RawValue> =
            serde_json::from_str(list.get()).map_err(|_| "a prompt without messages")?;
        Ok(list.last().and_then(|last| serde_json::from_str(last.get()).ok()))
    }
}

/// Adds what was said to a text that goes on; `false` if it is no text.
pub(super) fn lengthen(edits: &mut Edits<'_>, text: &RawValue, sent: &str) -> bool {
    let Ok(begun) = serde_json::from_str::<String>(text.get()) else { return false };
    edits.replace(text, json_text(&(begun + sent)));
    true
}
