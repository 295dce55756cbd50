use bytes::Bytes;

/// Writes events for the reader, in the format of the answer.
#[derive(Debug, Default)]
pub(super) struct Pen {
    /// A comment that stands in front of the next event.
    marker: String,
    out: Vec<u8>,
}

impl Pen {
    /// Puts a comment in front of the next event.
    pub(super) fn mark(&mut self, comment: String) {
        self.marker = comment;
    }

    /// Writes one event; a name that is empty is none.
    pub(super) fn write(&mut self, name: &str, data: &str) {
        self.out.append(&mut std::mem::take(&mut self.marker).into_bytes());
        if !name.is_empty() {
            self.add(&["event: ", name, "\n"]);
        }
        // Data that came in several lines has to leave so: a line of its own would be no field.
        for line in data.split('\n') {
            self.add(&["data: ", line, "\n"]);
        }
        self.add(&["\n"]);
    }

    /// Returns what was written since the last time.
    pub(super) fn take(&mut self) -> Bytes {
        std::mem::take(&mut self.out).into()
    }

    fn add(&mut self, parts: &[&str]) {
        parts.iter().for_each(|part| self.out.extend_from_slice(part.as_bytes()));
    }
}
