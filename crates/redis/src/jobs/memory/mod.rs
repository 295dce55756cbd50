//! Queues in the memory of this process.

mod rows;
mod state;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use maily_errors::Result;
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

use self::rows::{Read, Rows};
use self::state::State;
use super::model;
use super::{DeadLetter, Failure, Fate, Job, JobId, NewJob, Queue, Receipt, Stats, WorkerId};
use crate::memory::{Log, MemoryStore, Moment, Restored, Written};
use crate::port::{DeadLetters, Jobs};

/// The queues of a store, by name.
#[derive(Debug)]
pub(crate) struct Queues {
    by_name: Mutex<HashMap<Arc<str>, Arc<Shared>>>,
    max_jobs: usize,
    /// The numbers of every queue are greater.
    last: u64,
}

/// One queue, and a bell for those who wait for a job.
#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    bell: Notify,
}

impl Queues {
    pub(crate) fn new(max_jobs: usize, log: &Log, restored: &Restored) -> Result<Self> {
        let (last, mut read) = (restored.last.0, HashMap::<_, Read>::new());
        for (key, row) in &restored.jobs {
            let (name, rest) = Read::split(key)?;
            read.entry(name).or_default().add(rest, row)?;
        }
        let queue = |(name, read): (String, Read)| {
            let state = read.build(last, Rows::new(name.as_bytes(), log))?;
            Ok((name.into(), Arc::new(Shared::new(state))))
        };
        let by_name = read.into_iter().map(queue).collect::<Result<_>>()?;
        Ok(Self { by_name: Mutex::new(by_name), max_jobs, last })
    }
}

impl Shared {
    fn new(state: State) -> Self {
        Self { state: Mutex::new(state), bell: Notify::new() }
    }
}

impl MemoryStore {
    fn queue(&self, queue: &Queue) -> Arc<Shared> {
        let Queues { by_name, last, .. } = &self.parts().queues;
        let new = || {
            Arc::new(Shared::new(State::new(*last, Rows::new(queue.name().as_bytes(), &self.parts().log))))
        };
        Arc::clone(by_name.lock().entry(queue.shared_name()).or_insert_with(new))
    }

    /// Changes a queue, and hands on what is to be written before anybody else changes it.
    fn change<T>(&self, shared: &Shared, change: impl FnOnce(&mut State, Moment) -> T) -> (T, Written) {
        let mut state = shared.state.lock();
        let now = self.parts().clock.now();
        let answer = change(&mut state, now);
        let latest = now.max(Moment(state.last));
        (answer, state.rows.write(&self.parts().log, latest))
    }
}

impl Jobs for MemoryStore {
    async fn append(&self, queue: &Queue, job: NewJob) -> Result<JobId> {
        let job = job.checked()?;
        let (shared, limit) = (self.queue(queue), self.parts().queues.max_jobs);
        let delayed = !job.delay.is_zero();
        let (id, written) = self.change(&shared, |state, now| state.append(queue, job, limit, now));
        // Whoever waits for a delayed job must know of it; one of them is enough for a job that is due.
        if delayed {
            shared.bell.notify_waiters()
        } else {
            shared.bell.notify_one()
        }
        written.done().await?;
        id
    }

    async fn claim(&self, queue: &Queue, worker: &WorkerId, max: usize, wait: Duration) -> Result<Vec<Job>> {
        model::count("redis::claim", max)?;
        model::wait(wait)?;
        let shared = self.queue(queue);
        let deadline = Instant::now() + wait;
        loop {
            let mut rung = std::pin::pin!(shared.bell.notified());
            rung.as_mut().enable();
            let now = Instant::now();
            let ((jobs, next), written) = self.change(&shared, |state, now| {
                let (jobs, next) = state.take(queue, worker, max, now);
                (jobs, next.map(|next| next - now))
            });
            written.done().await?;
            if !jobs.is_empty() || now >= deadline {
                return Ok(jobs);
            }
            // A job that is claimed while this waits may be left behind: look for those again in time.
            let look = next.unwrap_or(queue.idle() / 4).min(queue.idle() / 4);
            tokio::select! {
                () = rung => {}
                () = sleep_until((now + look).min(deadline)) => {}
            }
        }
    }

    async fn ack(&self, queue: &Queue, receipts: &[Receipt]) -> Result<usize> {
        model::receipts("redis::ack", receipts)?;
        let (found, written) = self.change(&self.queue(queue), |state, _| {
            receipts.iter().filter(|receipt| state.done(number(receipt))).count()
        });
        written.done().await?;
        Ok(found)
    }

    async fn extend(&self, queue: &Queue, worker: &WorkerId, receipts: &[Receipt]) -> Result<Vec<Receipt>> {
        model::receipts("redis::extend", receipts)?;
        let (lost, written) = self.change(&self.queue(queue), |state, now| {
            let mut lost = receipts.to_vec();
            lost.retain(|receipt| !state.touch(number(receipt), worker, Some(now)));
            lost
        });
        written.done().await?;
        Ok(lost)
    }

    async fn fail(
        &self,
        queue: &Queue,
        worker: &WorkerId,
        receipt: &Receipt,
        failure: Failure,
    ) -> Result<Fate> {
        let (failure, shared) = (failure.checked()?, self.queue(queue));
        let (fate, written) =
            self.change(&shared, |state, now| state.fail(queue, worker, number(receipt), failure, now));
        shared.bell.notify_waiters();
        written.done().await?;
        Ok(fate)
    }

    async fn stats(&self, queue: &Queue) -> Result<Stats> {
        let (stats, _) = self.change(&self.queue(queue), |state, now| state.stats(now));
        Ok(stats)
    }
}

impl DeadLetters for MemoryStore {
    async fn dead(&self, queue: &Queue, after: Option<&Receipt>, max: usize) -> Result<Vec<DeadLetter>> {
        model::count("redis::dead", max)?;
        let first = after.map_or(0, |receipt| number(receipt).saturating_add(1));
        let (letters, _) = self.change(&self.queue(queue), |state, _| state.letters(first, max));
        Ok(letters)
    }

    async fn requeue(&self, queue: &Queue, receipts: &[Receipt]) -> Result<usize> {
        model::receipts("redis::requeue", receipts)?;
        let shared = self.queue(queue);
        let (found, written) = self.change(&shared, |state, now| {
            receipts.iter().filter(|receipt| state.requeue(number(receipt), now)).count()
        });
        shared.bell.notify_waiters();
        written.done().await?;
        Ok(found)
    }

    async fn discard(&self, queue: &Queue, receipts: &[Receipt]) -> Result<usize> {
        model::receipts("redis::discard", receipts)?;
        let (found, written) = self.change(&self.queue(queue), |state, _| {
            receipts.iter().filter(|receipt| state.discard(number(receipt))).count()
        });
        written.done().await?;
        Ok(found)
    }
}

/// Returns the number of a receipt; one that no job has if it is of another store.
fn number(receipt: &Receipt) -> u64 {
    receipt.as_str().parse().unwrap_or(0)
}
