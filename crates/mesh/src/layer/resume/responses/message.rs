use crate::wire::{Object, list};

/// A message of the reader that has not ended.
#[derive(Clone, Debug)]
pub(super) struct Message {
    /// Its place in the output.
    pub(super) at: usize,
    /// Its name, as it is written.
    pub(super) id: String,
    pub(super) stage: Stage,
    /// The text that the reader has of it.
    pub(super) said: String,
}

/// How far the one part of a message is.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Stage {
    /// It has not begun.
    Begun,
    /// Text is added to it.
    Part,
    /// Its text was repeated as a whole, so that nothing can be added.
    TextDone,
    /// It has ended.
    PartDone,
}

impl Message {
    pub(super) const fn new(at: usize, id: String) -> Self {
        Self { at, id, stage: Stage::Begun, said: String::new() }
    }

    /// Whether text can be added to it.
    pub(super) fn goes_on(&self) -> bool {
        self.stage <= Stage::Part
    }

    /// Begins an event of its part.
    pub(super) fn event(&self, name: &str) -> Object {
        let event = Object::of(name).raw("item_id", &self.id).number("output_index", self.at as u64);
        event.number("content_index", 0_u32)
    }

    /// The message as it is at its end.
    pub(super) fn whole(&self) -> String {
        let part = (self.stage > Stage::Begun).then(|| self.part());
        let item = Object::new().raw("id", &self.id).text("type", "message").text("status", "completed");
        item.text("role", "assistant").raw("content", &list(part.as_slice())).end()
    }

    /// The events that end it, each with its name, but for their numbers.
    pub(super) fn ends(&self) -> Vec<(&'static str, Object)> {
        let mut events = Vec::new();
        if self.stage == Stage::Part {
            let name = "response.output_text.done";
            events.push((name, self.event(name).text("text", &self.said).raw("logprobs", "[]")));
        }
        if matches!(self.stage, Stage::Part | Stage::TextDone) {
            let name = "response.content_part.done";
            events.push((name, self.event(name).raw("part", &self.part())));
        }
        let name = "response.output_item.done";
        let item = Object::of(name).number("output_index", self.at as u64).raw("item", &self.whole());
        events.push((name, item));
        events
    }

    fn part(&self) -> String {
        Object::of("output_text")
            .text("text", &self.said)
            .raw("annotations", "[]")
            .raw("logprobs", "[]")
            .end()
    }
}
