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

    /// Inserts fields in front of the first one of the object that the text is.
    pub(super) fn insert_front(&mut self, fields: impl Into<String>) {
        let at = self.whole.find('{').map_or(0, |brace| brace + 1);
        self.edits.push((at..at, fields.into()));
    }

    /// Inserts a value behind the last one of a list that was borrowed from the text.
    pub(super) fn push(&mut self, list: &RawValue, value: &str) {
        let bracket = list.get().as_ptr().addr() - self.whole.as_ptr().addr() + list.get().len() - 1;
        let comma = if list.get()[1..].trim_start().starts_with(']') { "" } else { "," };
        self.edits.push((bracket..bracket, format!("{comma}{value}")));
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
