//! Completions: the text of an answer, and nothing else of it.

use bytes::Bytes;
use serde::Serialize;

use super::chat::Counts;
use super::{as_event, fresh_id, now, to_bytes};
use crate::model::{Answer, Delta, FinishReason, ModelName};

/// Writes the chunks of one answer: all have one id, model and time.
#[derive(Clone, Debug)]
pub(super) struct Chunks {
    id: String,
    model: ModelName,
    created: u64,
}

#[derive(Serialize)]
struct Object<'a> {
    id: &'a str,
    object: &'static str,
    created: u64,
    model: &'a ModelName,
    choices: &'a [Choice<'a>],
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<Counts>,
}

#[derive(Serialize)]
struct Choice<'a> {
    index: u32,
    text: &'a str,
    logprobs: Option<()>,
    finish_reason: Option<FinishReason>,
}

impl Chunks {
    pub(super) fn new(model: ModelName) -> Self {
        Self { id: fresh_id("cmpl-"), model, created: now() }
    }

    pub(super) fn delta(&self, delta: &Delta, out: &mut Vec<u8>) {
        let event = match delta {
            Delta::Finish(reason) => self.event("", Some(*reason)),
            Delta::Text(text) => self.event(text, None),
            Delta::Usage(usage) => as_event(&self.object(&[], Some(Counts::new(*usage)))),
            // Completions have no place for thoughts and tools.
            _ => return,
        };
        out.extend_from_slice(&event);
    }

    pub(super) fn answer(&self, answer: &Answer) -> Bytes {
        let reason = Some(answer.finish.unwrap_or(FinishReason::Stop));
        let choice = Choice { index: 0, text: &answer.text, logprobs: None, finish_reason: reason };
        to_bytes(&self.object(&[choice], answer.usage.map(Counts::new)))
    }

    fn event(&self, text: &str, finish_reason: Option<FinishReason>) -> Bytes {
        as_event(&self.object(&[Choice { index: 0, text, logprobs: None, finish_reason }], None))
    }

    fn object<'a>(&'a self, choices: &'a [Choice<'a>], usage: Option<Counts>) -> Object<'a> {
        let object = "text_completion";
        Object { id: &self.id, object, created: self.created, model: &self.model, choices, usage }
    }
}
