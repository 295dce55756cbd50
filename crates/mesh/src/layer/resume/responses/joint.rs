use std::collections::BTreeMap;
use std::mem;

use maily_errors::Result;
use serde_json::value::RawValue;

use super::super::ask::Fields;
use super::super::edits::{Edits, json_text};
use super::super::framer::{failed, malformed};
use super::super::pen::Pen;
use super::super::rest::Rest;
use super::{Event, Message, Seen, Stage, Story, parse};
use crate::wire::{Object, SseEvent, list};

/// Writes the events of a continuation as the rest of one response.
///
/// The first message of the continuation is the one that the reader has the beginning of. Where the reader has the end of
/// its text already, it is a message of its own, which begins with its first word.
#[derive(Debug)]
pub(in super::super) struct Joint {
    /// What the reader has; its message until the continuation has one, or the reader gets its end.
    seen: Seen,
    /// Where the items of the continuation stand in the output of the reader.
    places: BTreeMap<u64, usize>,
    /// The first message of the continuation, as long as it goes on.
    text: Option<Text>,
    /// Whether there was one.
    joined: bool,
    rest: Rest,
}

#[derive(Debug)]
struct Text {
    /// Its place in the output of the continuation.
    theirs: u64,
    /// The name that the continuation has for it.
    id: String,
    /// The message of the reader; none before its first word.
    ours: Option<Message>,
    /// The events that begin it.
    held: Vec<SseEvent>,
}

impl Joint {
    pub(in super::super) fn new(story: &Story) -> Self {
        let seen = story.response.as_deref().cloned().unwrap_or_default();
        Self { seen, places: BTreeMap::new(), text: None, joined: false, rest: Rest::new(story) }
    }

    /// Writes what the reader does not have of an event.
    pub(in super::super) fn event(&mut self, event: &SseEvent, pen: &mut Pen) -> Result<()> {
        if event.data == "[DONE]" {
            pen.write("", "[DONE]");
            return Ok(());
        }
        let (raw, event) = (event, parse(&event.data)?);
        match &*event.kind {
            "error" | "response.failed" => return Err(failed()),
            "response.created" | "response.queued" | "response.in_progress"
                if !self.seen.identity.is_empty() => {}
            "response.output_item.added" => self.begin(raw, &event, pen)?,
            "response.completed" | "response.incomplete" => self.end(raw, &event, pen)?,
            _ if self.text.as_ref().is_some_and(|text| event.place() == Some(text.theirs)) => {
                self.more(raw, &event, pen)?;
            }
            _ => self.pass(raw, &event, Edits::new(&raw.data), pen),
        }
        Ok(())
    }

    /// An item begins.
    fn begin(&mut self, raw: &SseEvent, event: &Event<'_>, pen: &mut Pen) -> Result<()> {
        let item = event.item()?;
        let theirs = event.place().unwrap_or_default();
        self.end_thought(pen);
        if item.kind == "message" && !mem::replace(&mut self.joined, true) {
            let told = self.seen.message.take();
            let ours = match told {
                Some(told) if told.goes_on() => Some(told),
                Some(told) => {
                    self.close(&told, pen);
                    None
                }
                None => None,
            };
            let held = if ours.is_none() { vec![raw.clone()] } else { Vec::new() };
            let id = item.id.map_or_else(|| "null".to_owned(), |id| id.get().to_owned());
            self.text = Some(Text { theirs, id, ours, held });
            return Ok(());
        }
        if item.kind != "reasoning"
            && let Some(told) = self.seen.message.take()
        {
            // The text is over; what it was before stays open for the rest of it.
            self.close(&told, pen);
        }
        self.places.insert(theirs, self.seen.output.len());
        self.seen.output.push(String::new());
        self.pass(raw, event, Edits::new(&raw.data), pen);
        Ok(())
    }

    /// The first message of the continuation goes on.
    fn more(&mut self, raw: &SseEvent, event: &Event<'_>, pen: &mut Pen) -> Result<()> {
        let mut edits = Edits::new(&raw.data);
        let Some(text) = &mut self.text else { return Ok(()) };
        match (&*event.kind, event.content_index) {
            ("response.content_part.added", 0) => match &mut text.ours {
                None => text.held.push(raw.clone()),
                Some(ours) if ours.stage == Stage::Begun => {
                    ours.stage = Stage::Part;
                    self.pass(raw, event, edits, pen);
                }
                Some(_) => {}
            },
            ("response.output_text.delta", 0) => {
                let said = event.said();
                let passed = self.rest.push(&said);
                if passed.is_empty() {
                    return Ok(());
                }
                self.open(pen)?;
                self.add(&passed);
                if let Some(delta) = event.delta.filter(|_| passed != said) {
                    edits.replace(delta, json_text(&passed));
                }
                self.pass(raw, event, edits, pen);
            }
            ("response.output_text.done" | "response.content_part.done" | "response.output_item.done", 0) => {
                self.flush(pen)?;
                self.finish(raw, event, pen)?;
            }
            ("response.refusal.delta", _) if text.ours.as_ref().is_some_and(|ours| !ours.said.is_empty()) => {
                return Err(malformed("the continuation refuses what was begun"));
            }
            _ => {
                self.open(pen)?;
                self.pass(raw, event, edits, pen);
            }
        }
        Ok(())
    }

    /// Writes an event that repeats the text, with all of it.
    fn finish(&mut self, raw: &SseEvent, event: &Event<'_>, pen: &mut Pen) -> Result<()> {
        let mut edits = Edits::new(&raw.data);
        let Some(ours) = self.text.as_mut().and_then(|text| text.ours.as_mut()) else {
            // The node had nothing to add, so the reader never saw the message.
            self.text.take_if(|_| event.item.is_some());
            return Ok(());
        };
        let said = json_text(&ours.said);
        if let Some(text) = event.text {
            ours.stage = Stage::TextDone;
            edits.replace(text, said);
        } else if let Some(part) = &event.part {
            ours.stage = Stage::PartDone;
            part.text.iter().for_each(|text| edits.replace(text, said.as_str()));
        } else if let Some(item) = event.item {
            let mut whole = Edits::new(item.get());
            let read = event.item()?;
            let text = read.content.as_ref().and_then(|parts| parts.first()?.text);
            let whole = match text {
                Some(text) => {
                    whole.replace(text, said);
                    read.id.iter().for_each(|id| whole.replace(id, ours.id.as_str()));
                    whole.apply()
                }
                None => ours.whole(),
            };
            edits.replace(item, whole.as_str());
            self.seen.output[ours.at] = whole;
            self.pass(raw, event, edits, pen);
            self.text = None;
            return Ok(());
        }
        self.pass(raw, event, edits, pen);
        Ok(())
    }

    /// The response ends: its end repeats all of it.
    fn end(&mut self, raw: &SseEvent, event: &Event<'_>, pen: &mut Pen) -> Result<()> {
        self.flush(pen)?;
        self.end_thought(pen);
        let text = self.text.take().and_then(|text| text.ours);
        for open in [text, self.seen.message.take()].into_iter().flatten() {
            self.close(&open, pen);
        }
        let response = event.response.ok_or_else(|| malformed("the response is missing"))?;
        let fields: Fields<'_> =
            serde_json::from_str(response.get()).map_err(|_| malformed("the response is no object"))?;
        let theirs: Vec<&RawValue> =
            fields.get("output").and_then(|items| serde_json::from_str(items.get()).ok()).unwrap_or_default();
        if !theirs.is_empty() && self.places.is_empty() && !self.joined {
            return Err(malformed("the continuation has no events"));
        }
        for (place, at) in &self.places {
            let item = usize::try_from(*place).ok().and_then(|place| theirs.get(place));
            if let (true, Some(item)) = (self.seen.output[*at].is_empty(), item) {
                item.get().clone_into(&mut self.seen.output[*at]);
            }
        }
        let mut edits = Edits::new(&raw.data);
        for (name, told) in &self.seen.identity {
            fields.get(*name).iter().for_each(|value| edits.replace(value, told.as_str()));
        }
        self.seen.output.retain(|item| !item.is_empty());
        fields.get("output").iter().for_each(|items| edits.replace(items, list(&self.seen.output)));
        if let Some(usage) = fields.get("usage") {
            self.rest.count(usage, ["input_tokens", "output_tokens"], &mut edits);
        }
        self.pass(raw, event, edits, pen);
        Ok(())
    }

    /// Writes an event under the number, the place and the name that it has for the reader.
    fn pass(&mut self, raw: &SseEvent, event: &Event<'_>, mut edits: Edits<'_>, pen: &mut Pen) {
        let place = event.place();
        let text = self.text.as_ref().filter(|text| place == Some(text.theirs));
        let ours = text.and_then(|text| text.ours.as_ref());
        let at = ours.map(|ours| ours.at).or_else(|| self.places.get(&place?).copied());
        if let (Some(index), Some(at)) = (event.output_index, at) {
            edits.replace(index, at.to_string());
        }
        if let (Some(id), Some(ours)) = (event.item_id, ours) {
            edits.replace(id, ours.id.as_str());
        }
        let number = self.seen.sequence;
        self.seen.sequence += 1;
        match event.sequence_number {
            Some(theirs) => edits.replace(theirs, number.to_string()),
            None => edits.insert_front(format!("\"sequence_number\":{number},")),
        }
        if event.kind == "response.output_item.done"
            && ours.is_none()
            && let (Some(item), Some(at)) = (event.item, at)
        {
            item.get().clone_into(&mut self.seen.output[at]);
        }
        pen.write(&raw.name, &edits.apply());
    }

    /// Begins the message of the continuation, unless the reader has it.
    fn open(&mut self, pen: &mut Pen) -> Result<()> {
        let Some(text) = self.text.as_mut().filter(|text| text.ours.is_none()) else { return Ok(()) };
        text.ours = Some(Message::new(self.seen.output.len(), text.id.clone()));
        self.seen.output.push(String::new());
        for held in mem::take(&mut text.held) {
            self.pass(&held, &parse(&held.data)?, Edits::new(&held.data), pen);
        }
        Ok(())
    }

    /// Writes the text that was held back in an event of its own.
    fn flush(&mut self, pen: &mut Pen) -> Result<()> {
        let Some(text) = Some(self.rest.flush()).filter(|text| !text.is_empty()) else { return Ok(()) };
        self.open(pen)?;
        self.add(&text);
        if let Some(ours) = self.text.as_ref().and_then(|text| text.ours.as_ref()) {
            let name = "response.output_text.delta";
            let event = ours.event(name).text("delta", &text).raw("logprobs", "[]");
            self.write(name, event, pen);
        }
        Ok(())
    }

    fn add(&mut self, said: &str) {
        if let Some(ours) = self.text.as_mut().and_then(|text| text.ours.as_mut()) {
            ours.stage = Stage::Part;
            ours.said.push_str(said);
        }
    }

    /// Writes the end of a message that the continuation does not end.
    fn close(&mut self, message: &Message, pen: &mut Pen) {
        message.ends().into_iter().for_each(|(name, event)| self.write(name, event, pen));
        self.seen.output[message.at] = message.whole();
    }

    /// Ends a thought that was cut off, as far as the reader has it.
    fn end_thought(&mut self, pen: &mut Pen) {
        if let Some(thought) = self.seen.thought.take() {
            let (name, item) = ("response.output_item.done", thought.cut());
            self.write(
                name,
                Object::of(name).number("output_index", thought.at as u64).raw("item", &item),
                pen,
            );
            self.seen.output[thought.at] = item;
        }
    }

    fn write(&mut self, name: &str, event: Object, pen: &mut Pen) {
        pen.write(name, &event.number("sequence_number", self.seen.sequence).end());
        self.seen.sequence += 1;
    }
}
