use std::ops::Range;

use serde_json::value::RawValue;

/// Changes to a JSON text that leave every other byte as it is.
pub(super) struct Edits<'a> {
    whole: &'a str,
    edits: Vec<(Range<usize>, String)>,
}

impl<'a> Edits<'a> {
    pub(super) const fn new(whole: &'a str) -> Self {
        Self { whole, edits: Vec::new() }
    }

    /// Replaces a value that was borrowed from the text.
    pub(super) fn replace(&mut self, value: &RawValue, with: impl Into<String>) {
        // Both are addresses in one allocation, so the difference is the offset.
        let start = value.get().as_ptr().addr() - self.whole.as_ptr().addr();
        self.edits.push((start..start + value.get().len(), with.into()));
    }

    pub(super) fn insert(&mut self, at: usize, text: impl Into<String>) {
        self.edits.push((at..at, text.into()));
    }

    pub(super) fn apply(mut self) -> String {
        self.edits.sort_by_key(|(span, _)| span.start);
        let added: usize = self.edits.iter().map(|(_, with)| with.len()).sum();
        let mut text = String::with_capacity(self.whole.len() + added);
        let mut at = 0;
        for (span, with) in self.edits {
            text.push_str(&self.whole[at..span.start]);
            text.push_str(&with);
            at = span.end;
        }
        text.push_str(&self.whole[at..]);
        text
    }
}

pub(super) fn json_text(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
