use bytes::Bytes;
use maily_errors::Result;

use super::pen::Pen;
use super::told::Story;
use super::{messages, openai, responses};
use crate::model::Format;
use crate::wire::{DONE, SseDecoder};

/// Turns the events of a continuation into events of the answer that it continues.
#[derive(Debug)]
pub(super) struct Joint {
    decoder: SseDecoder,
    pen: Pen,
    dialect: Dialect,
}

/// What differs between the formats.
#[derive(Debug)]
enum Dialect {
    OpenAi(openai::Joint),
    Messages(messages::Joint),
    // A response repeats itself at its end, so it carries more than the others.
    Responses(Box<responses::Joint>),
}

impl Joint {
    pub(super) fn new(format: Format, story: &Story) -> Self {
        let dialect = match format {
            Format::Chat | Format::Completions | Format::Embeddings => {
                Dialect::OpenAi(openai::Joint::new(format, story))
            }
            Format::Messages => Dialect::Messages(messages::Joint::new(story)),
            Format::Responses => Dialect::Responses(Box::new(responses::Joint::new(story))),
        };
        Self { decoder: SseDecoder::default(), pen: Pen::default(), dialect }
    }

    /// Puts a comment in front of the next event.
    pub(super) fn mark(&mut self, comment: String) {
        self.pen.mark(comment);
    }

    /// Returns what the reader does not have of whole events; what stands before a failure is there as well.
    pub(super) fn translate(&mut self, events: &[u8]) -> (Bytes, Result<()>) {
        let outcome = self.read(events);
        (self.pen.take(), outcome)
    }

    fn read(&mut self, events: &[u8]) -> Result<()> {
        self.decoder.push(events)?;
        while let Some(event) = self.decoder.next() {
            match &mut self.dialect {
                Dialect::OpenAi(joint) => joint.event(&event, &mut self.pen)?,
                Dialect::Messages(joint) => joint.event(&event, &mut self.pen)?,
                Dialect::Responses(joint) => joint.event(&event, &mut self.pen)?,
            }
        }
        Ok(())
    }
}

/// The event behind the one that says why an answer ended.
pub(super) fn last_event(format: Format) -> Bytes {
    match format {
        Format::Messages => Bytes::from_static(b"event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n"),
        // Responses ends with that one, so nobody asks.
        Format::Chat | Format::Completions | Format::Embeddings | Format::Responses => DONE,
    }
}
