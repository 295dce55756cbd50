//! Queues in the memory of this process.

mod state;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use maily_errors::Result;
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

use self::state::State;
use super::model;
use super::{DeadLetter, Failure, Fate, Job, JobId, NewJob, Queue, Receipt, Stats, WorkerId};
use crate::memory::MemoryStore;
use crate::port::{DeadLetters, Jobs};

/// The queues of a store, by name.
#[derive(Debug)]
pub(crate) struct Queues {
    by_name: Mutex<HashMap<Arc<str>, Arc<Shared>>>,
    max_jobs: usize,
}

/// One queue, and a bell for those who wait for a job.
#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    bell: Notify,
}

impl Queues {
    pub(crate) fn new(max_jobs: usize) -> Self {
        Self { by_name: Mutex::default(), max_jobs }
    }

    fn queue(&self, queue: &Queue) -> Arc<Shared> {
        Arc::clone(self.by_name.lock().entry(queue.shared_name()).or_default())
    }
}

impl Jobs for MemoryStore {
    async fn append(&self, queue: &Queue, job: NewJob) -> Result<JobId> {
        let job = job.checked()?;
        let (shared, now) = (self.parts().queues.queue(queue), Instant::now());
        let delayed = !job.delay.is_zero();
        let id = shared.state.lock().append(queue, job, self.parts().queues.max_jobs, now)?;
        // Whoever waits for a delayed job must know of it; one of them is enough for a job that is due.
        if delayed {
            shared.bell.notify_waiters()
        } else {
            shared.bell.notify_one()
        }
        Ok(id)
    }

    async fn claim(&self, queue: &Queue, worker: &WorkerId, max: usize, wait: Duration) -> Result<Vec<Job>> {
        model::count("redis::claim", max)?;
        model::wait(wait)?;
        let shared = self.parts().queues.queue(queue);
        let deadline = Instant::now() + wait;
        loop {
            let mut rung = std::pin::pin!(shared.bell.notified());
            rung.as_mut().enable();
            let now = Instant::now();
            let (jobs, next) = shared.state.lock().take(queue, worker, max, now);
            if !jobs.is_empty() || now >= deadline {
                return Ok(jobs);
            }
            // A job that is claimed while this waits may be left behind: look for those again in time.
            let look = next.map_or(now + queue.idle() / 4, |next| next.min(now + queue.idle() / 4));
            tokio::select! {
                () = rung => {}
                () = sleep_until(look.min(deadline)) => {}
            }
        }
    }

    async fn ack(&self, queue: &Queue, receipts: &[Receipt]) -> Result<usize> {
        model::receipts("redis::ack", receipts)?;
        let shared = self.parts().queues.queue(queue);
        let mut state = shared.state.lock();
        Ok(receipts.iter().filter(|receipt| state.done(number(receipt))).count())
    }

    async fn extend(&self, queue: &Queue, worker: &WorkerId, receipts: &[Receipt]) -> Result<Vec<Receipt>> {
        model::receipts("redis::extend", receipts)?;
        let (shared, now) = (self.parts().queues.queue(queue), Some(Instant::now()));
        let mut state = shared.state.lock();
        let mut lost = receipts.to_vec();
        lost.retain(|receipt| !state.touch(number(receipt), worker, now));
        Ok(lost)
    }

    async fn fail(
        &self,
        queue: &Queue,
        worker: &WorkerId,
        receipt: &Receipt,
        failure: Failure,
    ) -> Result<Fate> {
        let (failure, shared) = (failure.checked()?, self.parts().queues.queue(queue));
        let fate = shared.state.lock().fail(queue, worker, number(receipt), failure, Instant::now());
        shared.bell.notify_waiters();
        Ok(fate)
    }

    async fn stats(&self, queue: &Queue) -> Result<Stats> {
        let shared = self.parts().queues.queue(queue);
        let stats = shared.state.lock().stats(Instant::now());
        Ok(stats)
    }
}

impl DeadLetters for MemoryStore {
    async fn dead(&self, queue: &Queue, after: Option<&Receipt>, max: usize) -> Result<Vec<DeadLetter>> {
        model::count("redis::dead", max)?;
        let shared = self.parts().queues.queue(queue);
        let first = after.map_or(0, |receipt| number(receipt) + 1);
        let state = shared.state.lock();
        Ok(state.letters(first, max))
    }

    async fn requeue(&self, queue: &Queue, receipts: &[Receipt]) -> Result<usize> {
        model::receipts("redis::requeue", receipts)?;
        let (shared, now) = (self.parts().queues.queue(queue), Instant::now());
        let mut state = shared.state.lock();
        let found = receipts.iter().filter(|receipt| state.requeue(number(receipt), now)).count();
        drop(state);
        shared.bell.notify_waiters();
        Ok(found)
    }

    async fn discard(&self, queue: &Queue, receipts: &[Receipt]) -> Result<usize> {
        model::receipts("redis::discard", receipts)?;
        let shared = self.parts().queues.queue(queue);
        let mut state = shared.state.lock();
        Ok(receipts.iter().filter(|receipt| state.discard(number(receipt))).count())
    }
}

/// Returns the number of a receipt; one that no job has if it is of another store.
fn number(receipt: &Receipt) -> u64 {
    receipt.as_str().parse().unwrap_or(0)
}
