//! A queue as rows: what is written when a job moves, and how a queue is made of it again.
//!
//! | key, after the name of the queue | value |
//! | --- | --- |
//! | `k`, idempotency key | job, end |
//! | `p`, job | when it was appended, trace, payload |
//! | `s`, job | where it is: number, deliveries, when it was appended, and what the place says |
//!
//! The payload is written once. A job without an `s` waits under the number of its name and was never handed out.

use std::collections::HashMap;

use bytes::{BufMut, Bytes, BytesMut};
use maily_errors::{Result, TraceContext};

use super::super::{Queue, WorkerId};
use super::state::{Dead, Entry, Pending, State};
use crate::memory::{JOB, Log, Moment, Notes, Parts, Written, damaged, row_key, short};

/// The rows that a queue has to write.
#[derive(Debug)]
pub(super) struct Rows {
    /// What the keys of the queue begin with.
    prefix: Bytes,
    notes: Notes,
}

/// Where a job is.
#[derive(Clone, Copy, Debug)]
pub(super) enum Place<'a> {
    Dead { code: &'a str, message: &'a str },
    Delayed { due: Moment },
    Pending { worker: &'a WorkerId, touched: Option<Moment> },
    Waiting,
}

/// The rows of one queue, read again.
#[derive(Debug, Default)]
pub(super) struct Read {
    keys: Vec<(Bytes, Bytes)>,
    payloads: HashMap<u64, Entry>,
    places: Vec<(u64, Bytes)>,
}

const KEY: u8 = b'k';
const PAYLOAD: u8 = b'p';
const PLACE: u8 = b's';

// === impl Rows ===

impl Rows {
    pub(super) fn new(queue: &[u8], log: &Log) -> Self {
        let mut prefix = BytesMut::with_capacity(1 + queue.len());
        short(&mut prefix, queue);
        Self { prefix: prefix.freeze(), notes: log.notes() }
    }

    /// Hands on what was noted by `now`, which is at least every number in it.
    pub(super) fn write(&mut self, log: &Log, now: Moment) -> Written {
        log.write(now, &mut self.notes)
    }

    /// Notes a job that is new.
    pub(super) fn job(&mut self, entry: &Entry) {
        let prefix = &self.prefix;
        self.notes.note(|| {
            let mut row = BytesMut::with_capacity(9 + entry.payload.len());
            row.put_u64(entry.appended.0);
            short(&mut row, entry.trace.map(|trace| trace.to_string()).unwrap_or_default().as_bytes());
            row.extend_from_slice(&entry.payload);
            (key(prefix, PAYLOAD, &entry.id.to_be_bytes()), Some(row.freeze()))
        });
    }

    /// Notes where a job is from now on.
    pub(super) fn place(&mut self, number: u64, entry: &Entry, place: Place<'_>) {
        if matches!(place, Place::Waiting) && number == entry.id {
            return;
        }
        let prefix = &self.prefix;
        self.notes.note(|| {
            let mut row = BytesMut::with_capacity(64);
            row.put_u64(number);
            row.put_u32(entry.deliveries);
            row.put_u64(entry.appended.0);
            place.encode(&mut row);
            (key(prefix, PLACE, &entry.id.to_be_bytes()), Some(row.freeze()))
        });
    }

    /// Notes that a job is gone.
    pub(super) fn no_job(&mut self, id: u64) {
        let prefix = &self.prefix;
        for kind in [PAYLOAD, PLACE] {
            self.notes.note(|| (key(prefix, kind, &id.to_be_bytes()), None));
        }
    }

    /// Notes which job a key stands for.
    pub(super) fn key(&mut self, name: &[u8], id: u64, ends: Moment) {
        let prefix = &self.prefix;
        self.notes.note(|| {
            let mut row = BytesMut::with_capacity(16);
            row.put_u64(id);
            row.put_u64(ends.0);
            (key(prefix, KEY, name), Some(row.freeze()))
        });
    }

    /// Notes that a key stands for nothing any more.
    pub(super) fn no_key(&mut self, name: &[u8]) {
        let prefix = &self.prefix;
        self.notes.note(|| (key(prefix, KEY, name), None));
    }
}

fn key(prefix: &[u8], kind: u8, rest: &[u8]) -> Bytes {
    row_key(JOB, &[prefix, &[kind], rest].concat())
}

// === impl Place ===

impl Place<'_> {
    fn encode(self, row: &mut BytesMut) {
        match self {
            Self::Waiting => row.put_u8(b'w'),
            Self::Delayed { due } => {
                row.put_u8(b'd');
                row.put_u64(due.0);
            }
            Self::Pending { worker, touched } => {
                row.put_u8(b'p');
                // Nothing was touched in 1970.
                row.put_u64(touched.unwrap_or_default().0);
                short(row, worker.as_str().as_bytes());
            }
            Self::Dead { code, message } => {
                row.put_u8(b'x');
                short(row, code.as_bytes());
                short(row, cut(message).as_bytes());
            }
        }
    }
}

/// At most 255 bytes of a text, and no half of a letter.
fn cut(text: &str) -> &str {
    &text[..text.floor_char_boundary(255)]
}

// === impl Read ===

impl Read {
    /// Takes a row of jobs, and returns the name of its queue.
    pub(super) fn split(key: &Bytes) -> Result<(String, Parts)> {
        let mut rest = Parts(key.clone());
        let name = rest.text()?;
        Queue::new(&name).map_err(|_| damaged())?;
        Ok((name, rest))
    }

    /// Reads a row of the queue, by the rest of its key.
    pub(super) fn add(&mut self, mut rest: Parts, row: &Bytes) -> Result<()> {
        let kind = rest.u8()?;
        if kind == KEY {
            self.keys.push((rest.0, row.clone()));
            return Ok(());
        }
        let id = rest.u64()?;
        rest.end()?;
        match kind {
            PAYLOAD => drop(self.payloads.insert(id, entry(id, Parts(row.clone()))?)),
            PLACE => self.places.push((id, row.clone())),
            _ => return Err(damaged()),
        }
        Ok(())
    }

    /// Makes the queue again; `last` is at least every number in it.
    pub(super) fn build(mut self, last: u64, rows: Rows) -> Result<State> {
        let mut state = State::new(last, rows);
        for (name, row) in std::mem::take(&mut self.keys) {
            let mut row = Parts(row);
            let (id, ends) = (row.u64()?, Moment(row.u64()?));
            row.end()?;
            state.ends.insert((ends, name.clone()));
            state.keys.insert(name, id);
        }
        let mut waiting = Vec::new();
        for (id, row) in std::mem::take(&mut self.places) {
            // Removed together with its payload, so one of them alone means that rows are missing.
            let entry = self.payloads.remove(&id).ok_or_else(damaged)?;
            place(&mut state, &mut waiting, entry, Parts(row))?;
        }
        waiting.extend(self.payloads);
        waiting.sort_unstable_by_key(|(number, _)| *number);
        state.waiting = waiting.into();
        Ok(state)
    }
}

fn entry(id: u64, mut row: Parts) -> Result<Entry> {
    let (appended, trace) = (Moment(row.u64()?), row.text()?);
    let trace = match trace.as_str() {
        "" => None,
        trace => Some(TraceContext::parse(trace).ok_or_else(damaged)?),
    };
    Ok(Entry { id, payload: row.0, trace, deliveries: 0, appended })
}

/// Puts a job where its row says.
fn place(state: &mut State, waiting: &mut Vec<(u64, Entry)>, mut entry: Entry, mut row: Parts) -> Result<()> {
    let number = row.u64()?;
    (entry.deliveries, entry.appended) = (row.u32()?, Moment(row.u64()?));
    match row.u8()? {
        b'w' => waiting.push((number, entry)),
        b'd' => drop(state.delayed.insert((Moment(row.u64()?), number), entry)),
        b'p' => {
            let touched = Some(Moment(row.u64()?)).filter(|at| *at != Moment::default());
            let worker = WorkerId(row.text()?.into());
            let seen = state.workers.entry(worker.clone()).or_default();
            *seen = touched.unwrap_or_default().max(*seen);
            state.touched.insert((touched, number));
            state.pending.insert(number, Pending { entry, worker, touched });
        }
        b'x' => {
            let (code, message) = (row.text()?, row.text()?);
            state.dead.insert(number, Dead { entry, code, message });
        }
        _ => return Err(damaged()),
    }
    row.end()
}
