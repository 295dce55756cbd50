//! The thread that writes: everything that waits goes into one commit.

use std::sync::mpsc;
use std::time::Instant;

use maily_errors::Error;
use redb::{Database, Durability, WriteTransaction};
use tokio::sync::oneshot;

use crate::error::{Codes, Failed};
use crate::file::caught;

/// A change of a file, and what its port calls things.
pub(crate) trait Change: Send + 'static {
    type Answer: Send + 'static;

    const CODES: Codes;
    /// The histograms of how long a commit took, and how much was in it.
    const METRICS: [&str; 2];
    /// No further change joins a commit of this size.
    const TOGETHER: usize;

    /// Makes the tables that are missing.
    fn make_tables(txn: &WriteTransaction) -> Result<(), Failed>;

    /// Returns how much of [`TOGETHER`](Self::TOGETHER) it takes.
    fn size(&self) -> usize;

    /// Makes the changes of one commit, in their order.
    fn apply_all<'c>(
        changes: impl Iterator<Item = &'c Self>,
        txn: &WriteTransaction,
    ) -> Result<Vec<Self::Answer>, Failed>;

    /// Called when the commit has ended, before anybody is answered.
    fn settled(&self, _committed: bool) {}
}

/// A change, and where its answer goes.
pub(crate) type Waiting<C> = (C, oneshot::Sender<Result<<C as Change>::Answer, Error>>);

/// Writes until nobody can send any more.
pub(crate) fn run<C: Change>(database: &Database, changes: &mpsc::Receiver<Waiting<C>>) {
    while let Ok(first) = changes.recv() {
        // What came while the last commit was under way shares the next one.
        let mut size = first.0.size();
        let mut waiting = vec![first];
        while size < C::TOGETHER
            && let Ok(next) = changes.try_recv()
        {
            size += next.0.size();
            waiting.push(next);
        }
        let started = Instant::now();
        let committed = caught(|| commit(database, &waiting));
        waiting.iter().for_each(|(change, _)| change.settled(committed.is_ok()));
        match committed {
            Ok(results) => {
                let [seconds, sizes] = C::METRICS;
                metrics::histogram!(seconds).record(started.elapsed().as_secs_f64());
                metrics::histogram!(sizes).record(size as f64);
                for ((_, answer), result) in waiting.into_iter().zip(results) {
                    // Nobody waits any more: it is stored all the same.
                    let _ = answer.send(Ok(result));
                }
            }
            Err(failed) => {
                let err = C::CODES.error(failed);
                tracing::error!(?err, "commit failed");
                for (_, answer) in waiting {
                    let _ = answer.send(Err(Error::from(err.code()).with_operation("store_redb::commit")));
                }
            }
        }
    }
}

fn commit<C: Change>(database: &Database, waiting: &[Waiting<C>]) -> Result<Vec<C::Answer>, Failed> {
    let mut txn = database.begin_write()?;
    txn.set_durability(Durability::Immediate)?;
    let results = C::apply_all(waiting.iter().map(|(change, _)| change), &txn)?;
    txn.commit()?;
    Ok(results)
}
