//! The event log.

use std::sync::Arc;

use maily_analytics::model::{Event, Seq, Stored};
use maily_analytics::port::{Appended, EventLog};
use maily_errors::{Code, Error};
use redb::{Database, ReadableDatabase, ReadableTable, Table, TableDefinition, WriteTransaction};

use crate::codec;
use crate::error::{Codes, Failed};
use crate::file::File;
use crate::writer::Change;

/// The event log in one redb file.
#[derive(Debug)]
pub struct RedbEvents(pub(crate) File<Vec<Event>>);

impl EventLog for RedbEvents {
    async fn append(&self, events: Vec<Event>) -> Result<Vec<Appended>, Error> {
        if events.is_empty() {
            return Ok(Vec::new());
        }
        self.0.change(events).await
    }

    async fn read(&self, after: Seq, limit: usize) -> Result<Vec<Stored>, Error> {
        self.0.read(move |database| read(database, after, limit)).await
    }

    async fn last(&self) -> Result<Seq, Error> {
        self.0.read(|database| Ok(Seq(last(&database.begin_read()?.open_table(EVENTS)?)?))).await
    }
}

impl Change for Vec<Event> {
    type Answer = Vec<Appended>;

    const CODES: Codes = Codes {
        closed: Code::EventsStoreFailed,
        corrupt: Code::EventsStoreCorrupt,
        locked: Code::EventsStoreLocked,
        failed: Code::EventsStoreFailed,
    };
    const METRICS: [&str; 2] = ["maily_events_commit_seconds", "maily_events_commit_events"];
    const TOGETHER: usize = 10_000;

    fn make_tables(txn: &WriteTransaction) -> Result<(), Failed> {
        txn.open_table(EVENTS)?;
        txn.open_table(KNOWN)?;
        Ok(())
    }

    fn size(&self) -> usize {
        self.len()
    }

    fn apply_all<'c>(
        changes: impl Iterator<Item = &'c Self>,
        txn: &WriteTransaction,
    ) -> Result<Vec<Vec<Appended>>, Failed> {
        let (mut events, mut known) = (txn.open_table(EVENTS)?, txn.open_table(KNOWN)?);
        let mut newest = last(&events)?;
        let mut append = |event| append(&mut events, &mut known, &mut newest, event);
        changes.map(|change| change.iter().map(&mut append).collect()).collect()
    }
}

fn append(
    events: &mut Table<'_, u64, &'static [u8]>,
    known: &mut Table<'_, (&'static str, &'static str), u64>,
    newest: &mut u64,
    event: &Event,
) -> Result<Appended, Failed> {
    let key = (event.source.as_str(), event.id.as_str());
    let earlier = known.get(key)?.map(|position| position.value());
    if let Some(position) = earlier {
        // An event may only be left out when it is really there: the index could be damaged.
        let record = events.get(position)?.ok_or(Failed::Corrupt("an event is missing from the log"))?;
        if decode(position, record.value())?.key() != event.key() {
            return Err(Failed::Corrupt("the index names another event"));
        }
        return Ok(Appended { seq: Seq(position), duplicate: true });
    }
    *newest += 1;
    events.insert(*newest, encode(*newest, event)?.as_slice())?;
    known.insert(key, *newest)?;
    Ok(Appended { seq: Seq(*newest), duplicate: false })
}

fn read(database: &Database, after: Seq, limit: usize) -> Result<Vec<Stored>, Failed> {
    let events = database.begin_read()?.open_table(EVENTS)?;
    let first = after.0.saturating_add(1);
    let mut page = Vec::new();
    for (expected, entry) in (first..).zip(events.range(first..)?).take(limit) {
        let (position, record) = entry?;
        if position.value() != expected {
            return Err(Failed::Corrupt("an event is missing from the log"));
        }
        page.push(Stored { seq: Seq(expected), event: Arc::new(decode(expected, record.value())?) });
    }
    Ok(page)
}

fn encode(position: u64, event: &Event) -> Result<Vec<u8>, Failed> {
    let json = serde_json::to_vec(event)
        .map_err(|err| Failed::Unexpected(Error::from(Code::Unexpected).with_source(err)))?;
    Ok(codec::seal(&position.to_be_bytes(), &json))
}

fn decode(position: u64, record: &[u8]) -> Result<Event, Failed> {
    let json = codec::open(&position.to_be_bytes(), record)?;
    serde_json::from_slice(json).map_err(|_| Failed::Corrupt("a record is not an event"))
}

/// Returns the newest position in the table of events, or 0.
fn last(events: &impl ReadableTable<u64, &'static [u8]>) -> Result<u64, Failed> {
    Ok(events.last()?.map_or(0, |(position, _)| position.value()))
}

const EVENTS: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("events");
// Names hold at least one byte and no control character.
const KNOWN: TableDefinition<'_, (&str, &str), u64> = TableDefinition::new("known");

#[cfg(test)]
mod tests {
    use maily_analytics::model::Event;

    use super::{decode, encode};

    #[test]
    fn event_is_read_back_at_its_position_only() {
        let text = r#"{"source":"shop","id":"7","type":"open","time":"2026-01-05T10:00:00.123456789Z",
            "recipient":"a@b.c","machine":true,"extra":{"n":[1,2.5,"x"]}}"#;
        let event: Event = serde_json::from_str(text).unwrap();

        let record = encode(7, &event).unwrap();

        assert_eq!(decode(7, &record).unwrap(), event);
        assert!(decode(8, &record).is_err());
    }
}
