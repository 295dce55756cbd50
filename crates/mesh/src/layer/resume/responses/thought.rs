use crate::wire::{Object, list};

/// A thought of the reader that has not ended.
#[derive(Clone, Debug)]
pub(super) struct Thought {
    /// Its place in the output.
    pub(super) at: usize,
    /// Its name, as it is written.
    id: String,
    /// What the reader has of its text, and of its summary.
    said: [String; 2],
}

impl Thought {
    pub(super) const fn new(at: usize, id: String) -> Self {
        Self { at, id, said: [String::new(), String::new()] }
    }

    /// Adds a piece, by the name of its event.
    pub(super) fn say(&mut self, event: &str, said: &str) {
        let [text, summary] = &mut self.said;
        let to = if event == "response.reasoning_summary_text.delta" { summary } else { text };
        to.push_str(said);
    }

    /// The item of a thought that nobody ends.
    pub(super) fn cut(&self) -> String {
        let [text, summary] = &self.said;
        let parts = |kind: &str, said: &str| {
            let part = (!said.is_empty()).then(|| Object::of(kind).text("text", said).end());
            list(part.as_slice())
        };
        let item = Object::new().raw("id", &self.id).text("type", "reasoning").text("status", "incomplete");
        item.raw("summary", &parts("summary_text", summary))
            .raw("content", &parts("reasoning_text", text))
            .end()
    }
}
