//! Replies of the scripts become jobs. No I/O.

use std::str;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use maily_errors::{Code, Error, Result, TraceContext};

use super::{DeadLetter, Job, JobId, Receipt, Stats};
use crate::model::Reply;

/// What one run of the claiming script returns.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct Claimed {
    /// The server's time, in milliseconds of Unix time.
    pub(super) now_ms: u64,
    /// How long until a delayed job is due.
    pub(super) next: Option<Duration>,
    /// Whether the worker gets nothing else until it has nothing.
    pub(super) closed: bool,
    pub(super) jobs: Vec<Job>,
}

/// The fields of an entry, by the letters that the scripts give them.
#[derive(Default)]
struct Fields {
    payload: Bytes,
    trace: Option<TraceContext>,
    id: Option<Arc<str>>,
    deliveries: u32,
    appended_ms: Option<u64>,
    code: String,
    message: String,
}

/// Reads `[now, next, closed, [[entry, fields, deliveries], ..]]`.
pub(super) fn claimed(reply: Reply) -> Result<Claimed> {
    let [now, next, closed, rows] = parts(reply)?;
    let now_ms = number(&now)?.unsigned_abs();
    let next = u64::try_from(number(&next)?).ok().map(Duration::from_millis);
    let jobs = list(rows)?.into_iter().map(|row| {
        let [entry, fields, deliveries] = parts(row)?;
        let deliveries = u32::try_from(number(&deliveries)?).unwrap_or(u32::MAX);
        job(text(&entry)?, read(fields)?, deliveries, now_ms)
    });
    let closed = number(&closed)? == 1;
    Ok(Claimed { now_ms, next, closed, jobs: jobs.collect::<Result<_>>()? })
}

/// Reads what `XREADGROUP` answers about one stream, as RESP3 does it (`{stream: entries}`, here a flat list) and as
/// RESP2 does it (`[[stream, entries]]`).
pub(super) fn entries(reply: Reply, now_ms: u64) -> Result<Vec<Job>> {
    if reply == Reply::Nil {
        return Ok(Vec::new());
    }
    let mut streams = list(reply)?;
    let rows = match streams.pop() {
        Some(Reply::List(mut pair)) if streams.is_empty() => pair.pop().ok_or_else(foreign)?,
        Some(rows) => rows,
        None => return Ok(Vec::new()),
    };
    let jobs = list(rows)?.into_iter().map(|row| {
        let [entry, fields] = parts(row)?;
        let fields = read(fields)?;
        let deliveries = fields.deliveries.saturating_add(1);
        job(text(&entry)?, fields, deliveries, now_ms)
    });
    jobs.collect()
}

/// Reads `[[entry, fields], ..]` of the dead letters.
pub(super) fn letters(reply: Reply) -> Result<Vec<DeadLetter>> {
    let letters = list(reply)?.into_iter().map(|row| {
        let [entry, fields] = parts(row)?;
        let (receipt, fields) = (text(&entry)?, read(fields)?);
        Ok(DeadLetter {
            id: JobId(fields.id.unwrap_or_else(|| Arc::clone(&receipt))),
            receipt: Receipt(receipt),
            payload: fields.payload,
            deliveries: fields.deliveries,
            trace: fields.trace,
            code: fields.code,
            message: fields.message,
        })
    });
    letters.collect()
}

/// Reads a list of receipts.
pub(super) fn receipts(reply: Reply) -> Result<Vec<Receipt>> {
    list(reply)?.iter().map(|receipt| text(receipt).map(Receipt)).collect()
}

/// Reads the six numbers of a queue.
pub(super) fn stats(reply: Reply) -> Result<Stats> {
    let numbers = parts::<6>(reply)?;
    let mut values = [0; 6];
    for (value, reply) in values.iter_mut().zip(&numbers) {
        *value = u64::try_from(number(reply)?).unwrap_or(0);
    }
    let [waiting, pending, delayed, dead, workers, oldest_ms] = values;
    Ok(Stats { waiting, pending, delayed, dead, workers, oldest: Duration::from_millis(oldest_ms) })
}

/// Reads a number.
pub(super) fn number(reply: &Reply) -> Result<i64> {
    if let Reply::Integer(number) = reply { Ok(*number) } else { Err(foreign()) }
}

/// Reads the name of an entry.
pub(super) fn text(reply: &Reply) -> Result<Arc<str>> {
    let Reply::Data(bytes) = reply else { return Err(foreign()) };
    str::from_utf8(bytes).map(Arc::from).map_err(|_| foreign())
}

fn job(entry: Arc<str>, fields: Fields, deliveries: u32, now_ms: u64) -> Result<Job> {
    let appended_ms = match fields.appended_ms {
        Some(appended_ms) => appended_ms,
        // The name of an entry begins with the server's time.
        None => entry.split('-').next().and_then(|ms| ms.parse().ok()).ok_or_else(foreign)?,
    };
    Ok(Job {
        id: JobId(fields.id.unwrap_or_else(|| Arc::clone(&entry))),
        receipt: Receipt(entry),
        payload: fields.payload,
        deliveries,
        age: Duration::from_millis(now_ms.saturating_sub(appended_ms)),
        trace: fields.trace,
    })
}

fn read(reply: Reply) -> Result<Fields> {
    let mut fields = Fields::default();
    let mut words = list(reply)?.into_iter();
    while let (Some(name), Some(value)) = (words.next(), words.next()) {
        let (Reply::Data(name), Reply::Data(value)) = (name, value) else { return Err(foreign()) };
        let text = || String::from_utf8_lossy(&value);
        match name.as_ref() {
            b"p" => fields.payload = value,
            b"t" => fields.trace = TraceContext::parse(&text()),
            b"i" => fields.id = Some(text().into()),
            b"n" => fields.deliveries = text().parse().map_err(|_| foreign())?,
            b"a" => fields.appended_ms = Some(text().parse().map_err(|_| foreign())?),
            b"c" => fields.code = text().into(),
            b"m" => fields.message = text().into(),
            // Of a newer version: what it means is not known here, and the job is done all the same.
            _ => {}
        }
    }
    Ok(fields)
}

fn list(reply: Reply) -> Result<Vec<Reply>> {
    if let Reply::List(list) = reply { Ok(list) } else { Err(foreign()) }
}

fn parts<const N: usize>(reply: Reply) -> Result<[Reply; N]> {
    list(reply)?.try_into().map_err(|_| foreign())
}

fn foreign() -> Error {
    Error::new(Code::RedisReply, "the server answered with another type than the command has")
        .with_operation("redis::jobs")
}
