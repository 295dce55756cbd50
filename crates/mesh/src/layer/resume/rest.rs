use std::collections::BTreeMap;

use serde_json::value::RawValue;

use super::edits::Edits;
use super::seam::Seam;
use super::told::Story;

/// The text of a continuation as the reader gets it, and the tokens of both nodes.
#[derive(Debug)]
pub(super) struct Rest {
    seam: Seam,
    /// The tokens that another node was paid for, less those that this one says again.
    tokens: u32,
    prefix_tokens: u32,
}

impl Rest {
    pub(super) fn new(story: &Story) -> Self {
        let prefix_tokens = if story.text.trim_end().is_empty() { 0 } else { story.tokens };
        Self { seam: Seam::new(&story.text), tokens: story.tokens, prefix_tokens }
    }

    /// Takes the text of one event and returns what the reader does not have yet; it may hold text back.
    pub(super) fn push(&mut self, text: &str) -> String {
        let passed = self.seam.push(text);
        if passed.is_empty() && !text.is_empty() {
            self.tokens = self.tokens.saturating_sub(1);
        }
        passed
    }

    /// There is no more text: returns what is held back.
    pub(super) fn flush(&mut self) -> String {
        self.seam.flush()
    }

    /// Counts the answer as one: its tokens are those of both nodes, its prompt is the client's.
    ///
    /// The names are those of the tokens of the prompt and of the answer.
    pub(super) fn count(&self, usage: &RawValue, [asked, told]: [&str; 2], edits: &mut Edits<'_>) {
        let Ok(fields) = serde_json::from_str::<BTreeMap<&str, &RawValue>>(usage.get()) else { return };
        let number = |name: &str| fields.get(name).and_then(|value| value.get().parse::<u32>().ok());
        let prompt = number(asked).map(|tokens| tokens.saturating_sub(self.prefix_tokens));
        let answer = number(told).map(|tokens| tokens.saturating_add(self.tokens));
        let total = prompt.zip(answer).map(|(prompt, answer)| prompt.saturating_add(answer));
        for (name, value) in [(asked, prompt), (told, answer), ("total_tokens", total)] {
            if let (Some(field), Some(value)) = (fields.get(name), value) {
                edits.replace(field, value.to_string());
            }
        }
    }
}
