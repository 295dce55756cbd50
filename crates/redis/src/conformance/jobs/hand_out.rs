//! Who gets a job, when, and in which order.

#![expect(clippy::missing_panics_doc, clippy::unwrap_used, reason = "these are tests: a broken rule panics")]

use std::collections::HashSet;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::{join, join_all};
use maily_errors::{Code, TraceContext};
use tokio::time::{Instant, sleep};

use super::{LIMIT, NOW, append, dead, later, one, payloads, queue, receipts, worker};
use crate::jobs::{DeadLetters, Jobs, NewJob, QueueConfig};

/// Rule: what was appended is handed out, byte by byte and in order, and gone when acknowledged.
pub async fn jobs_are_handed_out_in_order(store: &impl Jobs) {
    let (queue, worker) = (queue("order"), worker());
    let all: Bytes = (0..=255).collect();
    let trace = TraceContext::root();
    append(store, &queue, "one").await;
    let id = store.append(&queue, NewJob::new(all.clone()).with_trace(trace)).await.unwrap();
    append(store, &queue, "").await;

    let jobs = store.claim(&queue, &worker, 2, NOW).await.unwrap();
    let rest = store.claim(&queue, &worker, 2, NOW).await.unwrap();

    assert_eq!(payloads(&jobs), [b"one".as_slice(), all.as_ref()]);
    assert_eq!(payloads(&rest), [b""]);
    assert_eq!((&jobs[1].id, jobs[1].deliveries), (&id, 1));
    assert_eq!(jobs[1].trace, Some(trace));
    assert!(jobs[1].age < LIMIT);
    assert_eq!(jobs[0].trace, None);
    let all = [receipts(&jobs), receipts(&rest)].concat();
    assert_eq!(store.ack(&queue, &all).await.unwrap(), 3);
    assert_eq!(store.ack(&queue, &all).await.unwrap(), 0);
    assert_eq!(store.claim(&queue, &worker, 2, NOW).await.unwrap(), []);
}

/// Rule: a job is in the trace of who appended it, however it comes and however often, and as a dead letter.
pub async fn jobs_carry_the_trace_of_who_appended_them<S: Jobs + DeadLetters>(store: &S) {
    let (queue, worker, trace) = (queue("traced"), worker(), TraceContext::root());
    let delay = Duration::from_millis(50);
    let made = async || trace.scope(async { NewJob::new("traced") }).await;
    let expected = |payload: &[u8]| (payload == b"traced").then_some(trace);
    let jobs =
        [made().await, made().await.with_key("k"), made().await.with_delay(delay), NewJob::new("in none")];

    for job in jobs {
        store.append(&queue, job).await.unwrap();
        for delivery in 1..=2 {
            let job = one(store, &queue, &worker).await;
            assert_eq!((job.deliveries, job.trace), (delivery, expected(&job.payload)));
            let failure = if delivery == 1 { later(NOW) } else { dead(Code::Invalid) };
            store.fail(&queue, &worker, &job.receipt, failure).await.unwrap();
        }
    }
    let letters = store.dead(&queue, None, 10).await.unwrap();
    let receipts: Vec<_> = letters.iter().map(|letter| letter.receipt.clone()).collect();
    assert_eq!(store.requeue(&queue, &receipts).await.unwrap(), 4);
    let requeued = store.claim(&queue, &worker, 10, NOW).await.unwrap();

    assert!(letters.iter().all(|letter| letter.trace == expected(&letter.payload)), "{letters:?}");
    assert!(requeued.len() == 4 && requeued.iter().all(|job| job.trace == expected(&job.payload)));
}

/// Rule: a job belongs to one worker.
pub async fn jobs_belong_to_one_worker(store: &impl Jobs) {
    let queue = queue("owners");
    let names = join_all((0..200_u8).map(|number| store.append(&queue, NewJob::new(vec![number])))).await;
    let names: HashSet<_> = names.into_iter().map(|name| name.unwrap()).collect();
    assert_eq!(names.len(), 200);

    let workers: Vec<_> = (0..10).map(|_| worker()).collect();
    let claims = join_all((0..40).map(|turn| store.claim(&queue, &workers[turn % 10], 7, NOW))).await;

    let mut jobs: Vec<_> = claims.into_iter().flat_map(|jobs| jobs.unwrap()).map(|job| job.id).collect();
    assert_eq!(jobs.len(), 200);
    jobs.retain(|id| !names.contains(id));
    assert_eq!(jobs, []);
}

/// Rule: a claim waits for a job as long as it was told, and no longer than until there is one.
pub async fn jobs_are_waited_for(store: &impl Jobs) {
    let (queue, worker) = (queue("wait"), worker());
    let wait = Duration::from_millis(250);
    let start = Instant::now();

    assert_eq!(store.claim(&queue, &worker, 5, wait).await.unwrap(), []);
    assert!(start.elapsed() >= wait, "{:?}", start.elapsed());

    let start = Instant::now();
    let soon = async {
        sleep(Duration::from_millis(50)).await;
        append(store, &queue, "late").await;
    };
    let (job, ()) = join(one(store, &queue, &worker), soon).await;

    assert_eq!(job.payload, "late");
    assert!(start.elapsed() < LIMIT / 2, "{:?}", start.elapsed());
}

/// Rule: a key lets one job in within the window, whatever becomes of it, and another one after it.
pub async fn jobs_with_one_key_are_one(store: &impl Jobs) {
    let name = "keys".to_owned();
    let queue = QueueConfig { name, window_ms: 1500, ..QueueConfig::default() }.build().unwrap();
    let worker = worker();
    let job = NewJob::new("a").with_key("k");

    let start = Instant::now();
    let first = store.append(&queue, job.clone()).await.unwrap();
    let same = join_all((0..20).map(|_| store.append(&queue, job.clone()))).await;
    let other = store.append(&queue, NewJob::new("b").with_key("l")).await.unwrap();
    let jobs = store.claim(&queue, &worker, 100, NOW).await.unwrap();
    store.ack(&queue, &receipts(&jobs)).await.unwrap();
    let after = store.append(&queue, job.clone()).await.unwrap();

    if start.elapsed() < Duration::from_millis(1400) {
        assert!(same.into_iter().all(|same| same.unwrap() == first));
        assert_eq!(payloads(&jobs), [b"a", b"b"]);
        assert_ne!(other, first);
        assert_eq!(after, first);
    }
    while store.append(&queue, job.clone()).await.unwrap() == first {
        assert!(start.elapsed() < LIMIT, "the window does not end");
        sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(one(store, &queue, &worker).await.payload, "a");
}

/// Rule: a delayed job is not seen before its time, and soon after it, in the order of the times.
pub async fn jobs_are_seen_when_they_are_due(store: &impl Jobs) {
    let (queue, worker) = (queue("due"), worker());
    let start = Instant::now();
    for (payload, delay) in [("third", 600), ("second", 300), ("first", 0)] {
        let job = NewJob::new(payload).with_delay(Duration::from_millis(delay));
        store.append(&queue, job).await.unwrap();
    }
    assert_eq!(store.stats(&queue).await.unwrap().delayed, 2);

    for (payload, delay) in [("first", 0), ("second", 300), ("third", 600)] {
        let job = one(store, &queue, &worker).await;
        let late = start.elapsed().checked_sub(Duration::from_millis(delay)).expect("not before its time");
        assert_eq!(job.payload, payload);
        assert!(late < Duration::from_secs(5), "{payload} is {late:?} late");
        assert!(job.age >= Duration::from_millis(delay), "{:?}", job.age);
    }
    assert_eq!(store.stats(&queue).await.unwrap().delayed, 0);
}

/// Rule: a worker that already waits sees a job whose delay begins meanwhile.
pub async fn jobs_become_due_while_a_worker_waits(store: &impl Jobs) {
    let (queue, worker) = (queue("due-later"), worker());
    let delay = Duration::from_millis(200);
    let start = Instant::now();
    let append = async {
        sleep(Duration::from_millis(50)).await;
        store.append(&queue, NewJob::new("a").with_delay(delay)).await.unwrap();
    };

    let (job, ()) = join(one(store, &queue, &worker), append).await;

    assert_eq!(job.payload, "a");
    assert!(start.elapsed() >= delay && start.elapsed() < LIMIT / 2, "{:?}", start.elapsed());
}
