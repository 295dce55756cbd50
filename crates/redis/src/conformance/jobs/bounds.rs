//! What is counted and bounded, and the runner that does it all.

#![expect(
    clippy::missing_panics_doc,
    clippy::panic,
    clippy::unwrap_used,
    reason = "these are tests: a broken rule panics"
)]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;
use maily_errors::{Code, Error};
use tokio::time::{Instant, sleep};

use super::{LIMIT, NOW, append, dead, payloads, queue, receipts, worker};
use crate::jobs::{
    DeadLetters, Job, Jobs, MAX_CLAIM, MAX_DELAY, MAX_JOB_BYTES, MAX_JOB_KEY_BYTES, MAX_WAIT, NewJob, Worker,
};

/// Rule: every job is counted where it is.
pub async fn jobs_are_counted_where_they_are<S: Jobs + DeadLetters>(store: &S) {
    let (queue, worker) = (queue("stats"), worker());
    assert_eq!(store.stats(&queue).await.unwrap(), Default::default());
    for payload in ["a", "b", "c", "d"] {
        append(store, &queue, payload).await;
    }
    store.append(&queue, NewJob::new("e").with_delay(Duration::from_secs(3600))).await.unwrap();
    let jobs = store.claim(&queue, &worker, 2, NOW).await.unwrap();
    store.fail(&queue, &worker, &jobs[0].receipt, dead(Code::Invalid)).await.unwrap();
    sleep(Duration::from_millis(20)).await;

    let stats = store.stats(&queue).await.unwrap();

    assert_eq!((stats.waiting, stats.pending, stats.delayed, stats.dead, stats.workers), (2, 1, 1, 1, 1));
    assert_eq!(stats.len(), 3);
    assert!(stats.oldest >= Duration::from_millis(20) && stats.oldest < LIMIT, "{:?}", stats.oldest);
}

/// Rule: the limits hold at their edge, and what is over them changes nothing.
pub async fn jobs_keep_their_limits(store: &impl Jobs) {
    let (queue, worker) = (queue("limits"), worker());
    let code = async |job: NewJob| store.append(&queue, job).await.map_err(|err| err.code());
    let over = NewJob::new(vec![0; MAX_JOB_BYTES + 1]);
    let small = NewJob::new("a");
    let long = Bytes::from(vec![b'k'; MAX_JOB_KEY_BYTES + 1]);

    assert_eq!(code(over).await, Err(Code::RedisPayloadTooLarge));
    assert_eq!(code(small.clone().with_key(long.clone())).await, Err(Code::RedisPayloadTooLarge));
    assert_eq!(code(small.clone().with_key("")).await, Err(Code::Invalid));
    let year = MAX_DELAY + Duration::from_millis(1);
    assert_eq!(code(small.clone().with_delay(year)).await, Err(Code::Invalid));
    assert_eq!(store.stats(&queue).await.unwrap(), Default::default());
    for max in [0, MAX_CLAIM + 1] {
        assert_eq!(store.claim(&queue, &worker, max, NOW).await.unwrap_err().code(), Code::Invalid);
    }
    let wait = MAX_WAIT + Duration::from_millis(1);
    assert_eq!(store.claim(&queue, &worker, 1, wait).await.unwrap_err().code(), Code::Invalid);

    let job = NewJob::new(vec![7; MAX_JOB_BYTES]).with_key(long.slice(1..));
    store.append(&queue, job.clone()).await.unwrap();
    store.append(&queue, small.with_delay(MAX_DELAY)).await.unwrap();
    let jobs = store.claim(&queue, &worker, MAX_CLAIM, NOW).await.unwrap();
    assert_eq!(payloads(&jobs), [job.payload.as_ref()]);
    assert_eq!(store.ack(&queue, &receipts(&jobs)).await.unwrap(), 1);
}

/// Rule: a list of dead letters ends early where they are large, and the next one goes on.
pub async fn dead_letters_are_listed_in_pieces<S: Jobs + DeadLetters>(store: &S) {
    let (queue, worker) = (queue("large"), worker());
    for number in 0..12 {
        store.append(&queue, NewJob::new(vec![number; MAX_JOB_BYTES])).await.unwrap();
        let jobs = store.claim(&queue, &worker, 1, NOW).await.unwrap();
        store.fail(&queue, &worker, &jobs[0].receipt, dead(Code::Invalid)).await.unwrap();
    }

    let (mut after, mut sizes, mut numbers) = (None, Vec::new(), Vec::new());
    loop {
        let letters = store.dead(&queue, after.as_ref(), MAX_CLAIM).await.unwrap();
        let Some(last) = letters.last() else { break };
        after = Some(last.receipt.clone());
        sizes.push(letters.len());
        numbers.extend(letters.iter().map(|letter| letter.payload[0]));
    }

    assert_eq!(numbers, (0..12).collect::<Vec<u8>>());
    assert!(sizes.iter().all(|letters| *letters <= 8), "{sizes:?}");
}

/// Rule: one claim returns at most 1000 jobs, and few of large ones.
pub async fn claims_are_bounded(store: &impl Jobs) {
    let (queue, worker) = (queue("bounded"), worker());
    join_all((0..MAX_CLAIM + 1).map(|_| store.append(&queue, NewJob::new("a")))).await;
    let jobs = store.claim(&queue, &worker, MAX_CLAIM, NOW).await.unwrap();
    assert_eq!(jobs.len(), MAX_CLAIM);
    let rest = store.claim(&queue, &worker, MAX_CLAIM, NOW).await.unwrap();
    assert_eq!(rest.len(), 1);
    assert_eq!(store.ack(&queue, &receipts(&jobs)).await.unwrap(), MAX_CLAIM);

    let large = Bytes::from(vec![0; MAX_JOB_BYTES]);
    for _ in 0..40 {
        store.append(&queue, NewJob::new(large.clone())).await.unwrap();
    }
    let mut claims = Vec::new();
    while claims.iter().sum::<usize>() < 40 {
        claims.push(store.claim(&queue, &worker, 100, NOW).await.unwrap().len());
    }
    assert!(claims.iter().all(|jobs| (1..40).contains(jobs)), "{claims:?}");
}

/// Rule: a worker does every job once if nothing fails, tries again what may work, and buries what cannot.
pub async fn worker_does_every_job<S: Jobs + DeadLetters + 'static>(store: &S) {
    let queue = queue("run");
    for number in 0..200_u8 {
        store.append(&queue, NewJob::new(vec![number])).await.unwrap();
    }
    let calls = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&calls);
    let handler = move |job: Job| {
        count.fetch_add(1, Ordering::Relaxed);
        async move {
            match (job.payload[0], job.deliveries) {
                (number, _) if number % 50 == 0 => Err(Error::new(Code::Invalid, "the number is round")),
                (number, 1) if number % 10 == 1 => {
                    Err(Error::new(Code::Timeout, "not yet").with_retry_after(Duration::from_millis(50)))
                }
                (7, 1) => panic!("the handler of 7 panics once"),
                _ => Ok(()),
            }
        }
    };
    let ended = async {
        let start = Instant::now();
        loop {
            let stats = store.stats(&queue).await.unwrap();
            if stats.is_empty() && stats.delayed == 0 {
                return;
            }
            assert!(start.elapsed() < LIMIT * 2, "{stats:?}");
            sleep(Duration::from_millis(20)).await;
        }
    };
    let worker = Worker::new(store.clone(), queue.clone(), "worker").unwrap();
    let worker = worker.with_concurrency(8).unwrap();

    let summary = worker.run(handler, ended).await;

    assert_eq!((summary.done, summary.retried, summary.dead), (196, 21, 4), "{summary:?}");
    assert_eq!((summary.lost, summary.handed_back), (0, 0), "{summary:?}");
    assert_eq!(calls.load(Ordering::Relaxed), 221);
    assert_eq!(store.stats(&queue).await.unwrap().dead, 4);
}
