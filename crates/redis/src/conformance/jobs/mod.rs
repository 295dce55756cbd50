//! The rules of [`Jobs`] and [`DeadLetters`](crate::jobs::DeadLetters).

#![expect(clippy::unwrap_used, reason = "these are tests: a broken rule panics")]

mod bounds;
mod failed;
mod hand_out;
mod left;

use std::time::Duration;

use maily_errors::Code;

pub use self::bounds::*;
pub use self::failed::*;
pub use self::hand_out::*;
pub use self::left::*;
use crate::jobs::{Failure, Job, Jobs, NewJob, Queue, QueueConfig, Receipt, WorkerId};

const NOW: Duration = Duration::ZERO;

/// How long a rule waits for what must come.
const LIMIT: Duration = Duration::from_secs(20);

fn queue(name: &str) -> Queue {
    Queue::new(name).unwrap()
}

/// A queue whose jobs are left after 400 ms, and die with the third delivery.
fn hasty(name: &str) -> Queue {
    left_after(name, 400, 3)
}

fn left_after(name: &str, idle_ms: u64, max_deliveries: u32) -> Queue {
    let name = name.to_owned();
    QueueConfig { name, idle_ms, max_deliveries, ..QueueConfig::default() }.build().unwrap()
}

fn worker() -> WorkerId {
    WorkerId::new("worker").unwrap()
}

fn receipts(jobs: &[Job]) -> Vec<Receipt> {
    jobs.iter().map(|job| job.receipt.clone()).collect()
}

fn payloads(jobs: &[Job]) -> Vec<&[u8]> {
    jobs.iter().map(|job| job.payload.as_ref()).collect()
}

fn later(after: Duration) -> Failure {
    Failure::Retry { after, code: Code::Timeout, message: "it was slow" }
}

async fn append(store: &impl Jobs, queue: &Queue, payload: &'static str) {
    store.append(queue, NewJob::new(payload)).await.unwrap();
}

/// Claims one job, at most [`LIMIT`] from now.
async fn one(store: &impl Jobs, queue: &Queue, worker: &WorkerId) -> Job {
    let mut jobs = store.claim(queue, worker, 1, LIMIT).await.unwrap();
    assert_eq!(jobs.len(), 1, "no job came");
    jobs.remove(0)
}

fn dead(code: Code) -> Failure {
    Failure::Dead { code, message: "it is wrong" }
}
