//! The thread that writes: everything that waits goes into one commit.

use std::sync::Arc;
use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use std::time::Instant;

use bytes::Bytes;
use maily_canvas::DocumentName;
use maily_errors::{Code, Error};
use redb::{Database, Durability, ReadableTable, TableDefinition, WriteTransaction};
use tokio::sync::oneshot;

use crate::codec;
use crate::error::{Failed, again};

pub(crate) const LOG: TableDefinition<'_, (&str, u64), &[u8]> = TableDefinition::new("log");
pub(crate) const SNAPSHOT: TableDefinition<'_, &str, (u64, &[u8])> = TableDefinition::new("snapshot");
pub(crate) const HEAD: TableDefinition<'_, &str, u64> = TableDefinition::new("head");

/// A change of the file.
#[derive(Debug)]
pub(crate) enum Change {
    Append { document: DocumentName, updates: Vec<Bytes> },
    Compact { document: DocumentName, upto: u64, snapshot: Bytes },
    Remove { document: DocumentName },
}

/// What a change answers: the last sequence number, or how many documents it removed.
type Answer = oneshot::Sender<Result<u64, Error>>;

/// The handle to the thread. Dropping it waits for the commit that is under way.
#[derive(Debug)]
pub(crate) struct Writer {
    queue: Option<mpsc::Sender<(Change, Answer)>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    pub(crate) fn start(database: Arc<Database>) -> Result<Self, Failed> {
        let (queue, changes) = mpsc::channel();
        let thread =
            thread::Builder::new().name("store-redb".to_owned()).spawn(move || run(&database, &changes))?;
        Ok(Self { queue: Some(queue), thread: Some(thread) })
    }

    /// Makes a change, and waits until it is on the disk.
    pub(crate) async fn change(&self, change: Change) -> Result<u64, Error> {
        let stopped =
            || Error::new(Code::StoreFailed, "the store has stopped").with_operation("store_redb::change");
        let (answer, done) = oneshot::channel();
        let queue = self.queue.as_ref().ok_or_else(stopped)?;
        queue.send((change, answer)).map_err(|_| stopped())?;
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

fn run(database: &Database, changes: &mpsc::Receiver<(Change, Answer)>) {
    while let Ok(first) = changes.recv() {
        // What came while the last commit was under way shares the next one.
        let waiting: Vec<_> = std::iter::once(first).chain(changes.try_iter().take(BATCH)).collect();
        let started = Instant::now();
        match commit(database, &waiting) {
            Ok(results) => {
                metrics::histogram!("maily_store_commit_seconds").record(started.elapsed().as_secs_f64());
                metrics::histogram!("maily_store_commit_changes").record(waiting.len() as f64);
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

fn commit(database: &Database, waiting: &[(Change, Answer)]) -> Result<Vec<u64>, Failed> {
    let mut txn = database.begin_write()?;
    txn.set_durability(Durability::Immediate)
        .map_err(|_| Failed::corrupt("the file takes no durable commit"))?;
    let results = waiting.iter().map(|(change, _)| apply(&txn, change)).collect::<Result<_, _>>()?;
    txn.commit()?;
    Ok(results)
}

fn apply(txn: &WriteTransaction, change: &Change) -> Result<u64, Failed> {
    match change {
        Change::Append { document, updates } => {
            let document = document.as_str();
            let mut heads = txn.open_table(HEAD)?;
            let mut log = txn.open_table(LOG)?;
            let mut last = heads.get(document)?.map_or(0, |number| number.value());
            for update in updates {
                last += 1;
                log.insert((document, last), codec::seal(document, last, update).as_slice())?;
            }
            heads.insert(document, last)?;
            Ok(last)
        }
        Change::Compact { document, upto, snapshot } => {
            let document = document.as_str();
            let last = txn.open_table(HEAD)?.get(document)?.map_or(0, |number| number.value());
            let mut snapshots = txn.open_table(SNAPSHOT)?;
            let covered = snapshots.get(document)?.map_or(0, |stored| stored.value().0);
            // Late, or of a document that was removed meanwhile.
            if *upto <= covered || *upto > last {
                return Ok(last);
            }
            snapshots.insert(document, (*upto, codec::seal(document, *upto, snapshot).as_slice()))?;
            txn.open_table(LOG)?.retain_in((document, 0)..=(document, *upto), |_, _| false)?;
            Ok(last)
        }
        Change::Remove { document } => {
            let document = document.as_str();
            let existed = txn.open_table(HEAD)?.remove(document)?.is_some();
            txn.open_table(SNAPSHOT)?.remove(document)?;
            txn.open_table(LOG)?.retain_in((document, 0)..=(document, u64::MAX), |_, _| false)?;
            Ok(u64::from(existed))
        }
    }
}

/// Most changes that share one commit.
const BATCH: usize = 1_024;
