//! Where the parts of a body stand.

use std::ops::Range;

use bytes::Bytes;

/// The parts of a body that routing reads again; empty where a part is absent.
#[derive(Clone, Debug)]
pub(crate) struct Spans {
    /// The name of the model, quotes included.
    pub(crate) model: Range<usize>,
    /// The tools that the model may call.
    pub(crate) tools: Range<usize>,
    /// The rules of the conversation, where they stand apart from it: `system`, `instructions`.
    pub(crate) rules: Range<usize>,
    /// What is said: `messages`, `input` or `prompt`.
    pub(crate) said: Range<usize>,
}

impl Spans {
    /// What a model reads before its first word, in the order in which templates put it.
    pub(crate) fn read<'a>(&self, body: &'a Bytes) -> [&'a [u8]; 3] {
        [&self.tools, &self.rules, &self.said].map(|span| &body[span.clone()])
    }

    /// Notes that the name of the model has another length now.
    pub(super) fn model_is(&mut self, len: usize) {
        let (before, end) = (self.model.len(), self.model.end);
        for span in [&mut self.tools, &mut self.rules, &mut self.said] {
            if span.start >= end {
                *span = span.start - before + len..span.end - before + len;
            }
        }
        self.model.end = self.model.start + len;
    }
}
