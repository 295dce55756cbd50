//! Chat completions and completions, streamed or whole.

use std::collections::{BTreeMap, VecDeque};

use maily_errors::Result;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use super::{Progress, failed, push, read};
use crate::model::{Delta, FinishReason, Usage};

/// Knows which calls of tools have begun.
#[derive(Debug, Default)]
pub(super) struct Decoder {
    // By the index that the node gives them: their deltas are merged by it.
    calls: BTreeMap<u32, Begun>,
    begun: u32,
}

/// The last call that began at an index. Some nodes give all of them the same.
#[derive(Debug)]
struct Begun {
    index: u32,
    id: String,
    // Its arguments so far, if it has no id: where they are whole, the next name is another call.
    said: String,
}

impl Begun {
    /// Whether a delta that names an id, a tool, both or neither goes on with this call.
    fn is_continued_by(&self, id: &str, name: &str) -> bool {
        // Whoever only goes on may name the call once more, but not the tool.
        name.is_empty()
            || if id.is_empty() {
                // Looked at only where it may be whole, so that a long one is not read with each piece.
                !self.said.ends_with('}') || serde_json::from_str::<IgnoredAny>(&self.said).is_err()
            } else {
                self.id == id
            }
    }
}

#[derive(Deserialize)]
struct Chunk<'a> {
    #[serde(borrow, default)]
    choices: Vec<Choice<'a>>,
    usage: Option<Counts>,
    error: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct Choice<'a> {
    #[serde(default)]
    index: u32,
    #[serde(borrow, alias = "message")]
    delta: Option<Said<'a>>,
    // What completions call it.
    text: Option<String>,
    finish_reason: Option<FinishReason>,
}

#[derive(Deserialize)]
struct Said<'a> {
    content: Option<String>,
    refusal: Option<String>,
    // Two names for one thing: DeepSeek and older vLLM; OpenRouter, Ollama and newer vLLM.
    reasoning_content: Option<String>,
    #[serde(borrow)]
    reasoning: Option<&'a RawValue>,
    // Signatures, where a gateway passes them on.
    thinking_blocks: Option<Vec<ThinkingBlock>>,
    tool_calls: Option<Vec<Call>>,
}

#[derive(Deserialize)]
struct ThinkingBlock {
    #[serde(rename = "type")]
    kind: Option<String>,
    thinking: Option<String>,
    #[serde(alias = "data")]
    signature: Option<String>,
}

#[derive(Deserialize)]
struct Call {
    index: Option<u32>,
    id: Option<String>,
    function: Option<Function>,
}

#[derive(Deserialize)]
struct Function {
    name: Option<String>,
    arguments: Option<String>,
}

/// A count of tokens, as chat writes it.
#[derive(Deserialize)]
struct Counts {
    #[serde(flatten)]
    usage: Usage,
    prompt_tokens_details: Option<PromptDetails>,
    completion_tokens_details: Option<CompletionDetails>,
}

#[derive(Deserialize)]
struct PromptDetails {
    cached_tokens: Option<u32>,
}

#[derive(Deserialize)]
struct CompletionDetails {
    reasoning_tokens: Option<u32>,
}

impl Decoder {
    pub(super) fn event(&mut self, data: &str, ready: &mut VecDeque<Delta>) -> Result<Progress> {
        if data == "[DONE]" {
            return Ok(Progress::Ended);
        }
        self.object(data.as_bytes(), ready)
    }

    /// Reads a chunk, or a whole answer: they differ in one name.
    pub(super) fn object(&mut self, json: &[u8], ready: &mut VecDeque<Delta>) -> Result<Progress> {
        let chunk: Chunk<'_> = read(json)?;
        if chunk.error.is_some() {
            return Err(failed());
        }
        let mut progress = Progress::Goes;
        for choice in chunk.choices.into_iter().filter(|choice| choice.index == 0) {
            if let Some(said) = choice.delta {
                self.said(said, ready);
            }
            push(ready, choice.text, Delta::Text);
            if let Some(reason) = choice.finish_reason {
                ready.push_back(Delta::Finish(reason));
                progress = Progress::Finished;
            }
        }
        ready.extend(chunk.usage.map(|counts| Delta::Usage(counts.read())));
        Ok(progress)
    }

    fn said(&mut self, said: Said<'_>, ready: &mut VecDeque<Delta>) {
        let reasoning = said.reasoning.and_then(crate::wire::json::as_text);
        let blocks = said.thinking_blocks.unwrap_or_default();
        // A whole answer says its thoughts in both places; a stream has only signatures in the blocks.
        if blocks.iter().all(|block| block.thinking.as_deref().is_none_or(str::is_empty)) {
            push(ready, said.reasoning_content.or(reasoning), Delta::Reasoning);
        }
        for block in blocks {
            push(ready, block.thinking, Delta::Reasoning);
            let is_hidden = block.kind.as_deref() == Some("redacted_thinking");
            push(ready, block.signature, if is_hidden { Delta::HiddenThought } else { Delta::Signature });
        }
        push(ready, said.content, Delta::Text);
        push(ready, said.refusal, Delta::Text);
        for (place, call) in (0..).zip(said.tool_calls.into_iter().flatten()) {
            // A whole answer does not count its calls.
            let at = call.index.unwrap_or(place);
            let (name, arguments) =
                call.function.map_or((None, None), |function| (function.name, function.arguments));
            let (id, name) = (call.id.unwrap_or_default(), name.unwrap_or_default());
            let mut begun = match self.calls.remove(&at) {
                Some(begun) if begun.is_continued_by(&id, &name) => begun,
                _ => {
                    let index = self.begun;
                    self.begun += 1;
                    ready.push_back(Delta::ToolCall { index, id: id.clone(), name });
                    Begun { index, id, said: String::new() }
                }
            };
            if let Some(json) = arguments.filter(|json| !json.is_empty()) {
                if begun.id.is_empty() {
                    begun.said.push_str(&json);
                }
                ready.push_back(Delta::ToolArguments { index: begun.index, json });
            }
            self.calls.insert(at, begun);
        }
    }
}

impl Counts {
    fn read(self) -> Usage {
        let cached = self.prompt_tokens_details.and_then(|details| details.cached_tokens);
        let reasoning = self.completion_tokens_details.and_then(|details| details.reasoning_tokens);
        self.usage.with_details(cached.unwrap_or_default(), reasoning.unwrap_or_default())
    }
}
