//! Jobs: work that waits in a queue until a worker has done it, at least once.
//!
//! ```text
//!              append                claim               ack
//!  producer ──────────▶  waiting ──────────▶  pending ──────────▶  gone
//!              delay       ▲  ▲                │  │  │
//!            ──────▶ delayed  └── hand back ───┘  │  └─ N deliveries, or no use ─▶  dead letters
//!                       ▲                         │                                  │  requeue
//!                       └────── retry later ──────┘            waiting  ◀────────────┘
//! ```
//!
//! A worker that ends or hangs keeps nobody from its jobs: after [`Queue::idle`] another one gets them, within the same
//! time again. So a job may be done twice, and handlers must not mind.
//!
//! | limit | value |
//! | --- | --- |
//! | payload | 1 MiB |
//! | idempotency key | 256 bytes, kept for [`Queue::window`] |
//! | delay | 365 days, exact to [`Queue::precision`] of the server's time |
//! | jobs of one claim | 1000, and 8 MiB |
//! | wait of one claim | 1 hour |
//! | deliveries | 5 unless set, at most 1000 |
//!
//! # Examples
//!
//! ```
//! use std::time::Duration;
//!
//! use maily_redis::MemoryStore;
//! use maily_redis::jobs::{Jobs, NewJob, Queue, WorkerId};
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() -> maily_errors::Result<()> {
//! let store = MemoryStore::default();
//! let queue = Queue::new("mails")?;
//!
//! // The key makes a repeated append harmless.
//! let job = NewJob::new("to ada").with_key("spring:ada");
//! let id = store.append(&queue, job.clone()).await?;
//! assert_eq!(store.append(&queue, job).await?, id);
//!
//! let worker = WorkerId::new("mailer")?;
//! let jobs = store.claim(&queue, &worker, 10, Duration::from_secs(1)).await?;
//! assert_eq!(jobs.len(), 1);
//! assert_eq!(jobs[0].payload, "to ada");
//!
//! assert_eq!(store.ack(&queue, &[jobs[0].receipt.clone()]).await?, 1);
//! assert!(store.stats(&queue).await?.is_empty());
//! # Ok(())
//! # }
//! ```
//!
//! [`Worker`] does this in a loop, with heartbeats, retries and a graceful end.

mod codec;
mod config;
mod failure;
mod memory;
mod model;
mod script;
mod server;
#[cfg(test)]
mod tests;
mod worker;

pub use self::config::{Queue, QueueConfig};
pub use self::failure::{Failure, Fate};
pub(crate) use self::memory::Queues;
pub use self::model::{
    DeadLetter, Job, JobId, MAX_CLAIM, MAX_DELAY, MAX_JOB_BYTES, MAX_JOB_KEY_BYTES, MAX_WAIT, NewJob,
    Receipt, Stats, WorkerId,
};
pub use self::worker::{Summary, Worker};
pub use crate::port::{DeadLetters, Jobs};

/// What the dead letter of a job says that was handed out too often without an answer.
const ABANDONED: &str = "the job was handed out too often without an answer";
