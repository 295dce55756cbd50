//! The thread that writes: everything that waits goes into one commit.

use std::sync::Arc;
use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use std::time::Instant;

use maily_analytics::model::{Event, Seq};
use maily_analytics::port::Appended;
use maily_errors::{Code, Error};
use redb::{Database, Durability, ReadableTable, Table, TableDefinition};
use tokio::sync::oneshot;

use crate::codec;
use crate::error::{Failed, again};
use crate::log::{caught, last};

pub(crate) const EVENTS: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("events");
// Names hold at least one byte and no control character.
pub(crate) const KNOWN: TableDefinition<'_, (&str, &str), u64> = TableDefinition::new("known");

type Answer = oneshot::Sender<Result<Vec<Appended>, Error>>;

/// The handle to the thread. Dropping it waits for the commit that is under way.
#[derive(Debug)]
pub(crate) struct Writer {
    queue: Option<mpsc::Sender<(Vec<Event>, Answer)>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    pub(crate) fn start(database: Arc<Database>) -> Result<Self, Failed> {
        let (queue, batches) = mpsc::channel();
        let thread =
            thread::Builder::new().name("log-redb".to_owned()).spawn(move || run(&database, &batches))?;
        Ok(Self { queue: Some(queue), thread: Some(thread) })
    }

    /// Appends events, and waits until they are on the disk.
    pub(crate) async fn append(&self, events: Vec<Event>) -> Result<Vec<Appended>, Error> {
        let stopped = || {
            Error::new(Code::EventsStoreFailed, "the event log has stopped")
                .with_operation("log_redb::append")
        };
        let (answer, done) = oneshot::channel();
        let queue = self.queue.as_ref().ok_or_else(stopped)?;
        queue.send((events, answer)).map_err(|_| stopped())?;
        done.await.map_err(|_| stopped())?
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.queue = None;
        if let Some(thread) = self.thread.take() {
            // It can only have failed by a panic, which was reported when it happened.
            let _ = thread.join();
        }
    }
}

fn run(database: &Database, batches: &mpsc::Receiver<(Vec<Event>, Answer)>) {
    while let Ok(first) = batches.recv() {
        // What came while the last commit was under way shares the next one.
        let mut count = first.0.len();
        let mut waiting = vec![first];
        while count < TOGETHER
            && let Ok(next) = batches.try_recv()
        {
            count += next.0.len();
            waiting.push(next);
        }
        let started = Instant::now();
        match caught(|| commit(database, &waiting)) {
            Ok(results) => {
                metrics::histogram!("maily_events_commit_seconds").record(started.elapsed().as_secs_f64());
                metrics::histogram!("maily_events_commit_events").record(count as f64);
                for ((_, answer), result) in waiting.into_iter().zip(results) {
                    // Nobody waits any more: it is stored all the same.
                    let _ = answer.send(Ok(result));
                }
            }
            Err(Failed(err)) => {
                tracing::error!(?err, "commit failed");
                for (_, answer) in waiting {
                    let _ = answer.send(Err(again(&err)));
                }
            }
        }
    }
}

fn commit(database: &Database, waiting: &[(Vec<Event>, Answer)]) -> Result<Vec<Vec<Appended>>, Failed> {
    let mut txn = database.begin_write()?;
    txn.set_durability(Durability::Immediate)?;
    let results = {
        let (mut events, mut known) = (txn.open_table(EVENTS)?, txn.open_table(KNOWN)?);
        let mut newest = last(&events)?;
        let mut append = |event| append(&mut events, &mut known, &mut newest, event);
        waiting
            .iter()
            .map(|(batch, _)| batch.iter().map(&mut append).collect())
            .collect::<Result<_, Failed>>()?
    };
    txn.commit()?;
    Ok(results)
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
        let record =
            events.get(position)?.ok_or_else(|| Failed::corrupt("an event is missing from the log"))?;
        if codec::open(position, record.value())?.key() != event.key() {
            return Err(Failed::corrupt("the index names another event"));
        }
        return Ok(Appended { seq: Seq(position), duplicate: true });
    }
    *newest += 1;
    events.insert(*newest, codec::seal(*newest, event)?.as_slice())?;
    known.insert(key, *newest)?;
    Ok(Appended { seq: Seq(*newest), duplicate: false })
}

/// No further batch joins a commit that has this many events.
const TOGETHER: usize = 10_000;
