use bytes::Bytes;
use maily_errors::Result;

use super::{messages, openai, responses};
use crate::model::Format;
use crate::wire::SseDecoder;

/// What the reader has of a stream. The chunks are kept as they are; nobody decodes them on the good path.
#[derive(Debug)]
pub(super) struct Told {
    chunks: Vec<Bytes>,
    bytes: usize,
    format: Format,
    story: Story,
    max_bytes: usize,
}

/// What the chunks say.
#[derive(Debug, Default)]
pub(super) struct Story {
    /// The text of the first choice.
    pub(super) text: String,
    /// What was thought before it, and the field of chat that said so.
    pub(super) thought: String,
    pub(super) thought_in: Option<&'static str>,
    /// How many events had text or thoughts: as many tokens, at nodes that send each token when it is there.
    pub(super) tokens: u32,
    /// The identity of an answer of chat or completions, which every event of it repeats.
    pub(super) identity: Option<Identity>,
    /// What there is of a message.
    pub(super) message: Option<Box<messages::Seen>>,
    /// What there is of a response.
    pub(super) response: Option<Box<responses::Seen>>,
    /// Why it cannot be continued.
    pub(super) hurdle: Option<&'static str>,
    /// Whether it says why it ended.
    pub(super) finished: bool,
    /// Whether it says that nothing follows.
    pub(super) done: bool,
}

/// The values of `id`, `created` and `model`, as they are written.
#[derive(Clone, Debug)]
pub(super) struct Identity {
    pub(super) id: String,
    pub(super) created: String,
    pub(super) model: String,
}

impl Told {
    pub(super) fn new(format: Format, max_bytes: usize) -> Self {
        Self { chunks: Vec::new(), bytes: 0, format, story: Story::default(), max_bytes }
    }

    /// Keeps whole events. O(1) until [`KEPT`] bytes are there, then they are read and let go.
    pub(super) fn keep(&mut self, chunk: Bytes) {
        if self.story.hurdle.is_some() && self.chunks.len() > LAST {
            // Nobody goes on behind them; only whether they were the end is asked.
            self.bytes -= self.chunks.remove(0).len();
        }
        self.bytes += chunk.len();
        self.chunks.push(chunk);
        if self.bytes > KEPT {
            self.digest();
        }
    }

    /// Reads what was kept.
    pub(super) fn story(&mut self) -> &Story {
        self.digest();
        &self.story
    }

    fn digest(&mut self) {
        self.bytes = 0;
        let chunks = std::mem::take(&mut self.chunks);
        if read(self.format, &chunks, &mut self.story).is_err() {
            self.story.hurdle = Some("a stream that cannot be read");
        }
        if self.story.text.len() + self.story.thought.len() > self.max_bytes {
            self.story.hurdle = Some("an answer over the limit");
        }
        if self.story.hurdle.is_some() {
            (self.story.text, self.story.thought) = (String::new(), String::new());
            (self.story.message, self.story.response) = (None, None);
        }
    }
}

fn read(format: Format, chunks: &[Bytes], story: &mut Story) -> Result<()> {
    let mut decoder = SseDecoder::default();
    for chunk in chunks {
        decoder.push(chunk)?;
        while let Some(event) = decoder.next() {
            match format {
                Format::Chat | Format::Completions | Format::Embeddings => openai::read(&event, story)?,
                Format::Messages => messages::read(&event, story)?,
                Format::Responses => responses::read(&event, story)?,
            }
        }
    }
    Ok(())
}

/// How many chunks are kept of an answer that cannot be continued, to know whether it is whole: those that say why it
/// ended, how many tokens it took, and that nothing follows.
const LAST: usize = 3;
/// The chunks that are kept by reference, in bytes: some 300 tokens. They pin the buffers that they arrived in.
const KEPT: usize = 64 * 1024;
