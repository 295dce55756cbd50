//! What becomes of jobs whose worker says nothing.

#![expect(clippy::missing_panics_doc, clippy::unwrap_used, reason = "these are tests: a broken rule panics")]

use std::slice;
use std::time::Duration;

use maily_errors::Code;
use tokio::time::Instant;

use super::{LIMIT, NOW, append, dead, hasty, later, left_after, one, payloads, receipts, worker};
use crate::jobs::{DeadLetters, Failure, Fate, Job, Jobs, QueueConfig};

/// Rule: what a worker left is another one's after the idle time and within the same time again, also if both have
/// one name.
pub async fn jobs_that_were_left_are_handed_out_again(store: &impl Jobs) {
    let (queue, [gone, other]) = (hasty("left"), [worker(), worker()]);
    append(store, &queue, "a").await;
    let first = one(store, &queue, &gone).await;
    let start = Instant::now();

    let again = one(store, &queue, &other).await;

    let took = start.elapsed();
    assert_eq!((&again.id, &again.payload, again.deliveries), (&first.id, &first.payload, 2));
    // The claim was answered a moment after the server began to count.
    assert!(took > queue.idle() * 3 / 4, "{took:?}");
    assert!(took < queue.idle() * 2 + Duration::from_secs(5), "{took:?}");
    assert_eq!(store.ack(&queue, &receipts(&[again])).await.unwrap(), 1);
}

/// Rule: who takes one job at a time gets all that somebody left, one after the other.
pub async fn jobs_that_were_left_together_are_taken_one_by_one(store: &impl Jobs) {
    let (queue, [gone, other]) = (left_after("several", 1500, 3), [worker(), worker()]);
    for payload in ["a", "b", "c", "d"] {
        append(store, &queue, payload).await;
    }
    assert_eq!(store.claim(&queue, &gone, 4, NOW).await.unwrap().len(), 4);
    tokio::time::sleep(queue.idle()).await;

    let mut taken = vec![one(store, &queue, &other).await];
    for _ in 0..3 {
        taken.extend(store.claim(&queue, &other, 1, NOW).await.unwrap());
    }

    assert_eq!(payloads(&taken), [b"a", b"b", b"c", b"d"]);
    assert_eq!(store.ack(&queue, &receipts(&taken)).await.unwrap(), 4);
}

/// Rule: a job that is extended in time is nobody else's.
pub async fn jobs_that_are_extended_are_kept(store: &impl Jobs) {
    let name = "extended".to_owned();
    let queue = QueueConfig { name, idle_ms: 3000, ..QueueConfig::default() }.build().unwrap();
    let [owner, other] = [worker(), worker()];
    append(store, &queue, "a").await;
    let job = one(store, &queue, &owner).await;

    let (start, mut last) = (Instant::now(), Instant::now());
    while start.elapsed() < Duration::from_millis(4000) {
        let lost = store.extend(&queue, &owner, slice::from_ref(&job.receipt)).await.unwrap();
        // A machine that stood still for so long proves nothing.
        if last.elapsed() > Duration::from_millis(2500) {
            return;
        }
        last = Instant::now();
        assert_eq!(lost, []);
        assert_eq!(store.claim(&queue, &other, 1, Duration::from_millis(200)).await.unwrap(), []);
    }
    assert_eq!(store.ack(&queue, &[job.receipt]).await.unwrap(), 1);
}

/// Rule: who lost a job is told so and changes nothing, but what is done is done.
pub async fn jobs_that_are_lost_stay_with_their_new_worker(store: &impl Jobs) {
    let (queue, [slow, quick]) = (left_after("lost", 400, 1000), [worker(), worker()]);
    for payload in ["a", "b"] {
        append(store, &queue, payload).await;
    }
    let jobs = store.claim(&queue, &slow, 2, NOW).await.unwrap();
    assert_eq!(store.extend(&queue, &quick, &receipts(&jobs)).await.unwrap(), receipts(&jobs));
    // On a slow machine the first one may have been left, and taken, once more before the second one is.
    let mut taken = Vec::<Job>::new();
    while taken.len() < 2 {
        let job = one(store, &queue, &quick).await;
        if taken.iter().all(|other| other.receipt != job.receipt) {
            taken.push(job);
        }
    }
    let held = receipts(&jobs);

    assert_eq!(store.extend(&queue, &slow, &held).await.unwrap(), held);
    for failure in [Failure::HandBack, later(NOW), dead(Code::Invalid)] {
        assert_eq!(store.fail(&queue, &slow, &held[0], failure).await.unwrap(), Fate::Lost);
    }
    assert_eq!(store.extend(&queue, &quick, &receipts(&taken)).await.unwrap(), []);
    assert_eq!(store.ack(&queue, &held).await.unwrap(), 2);
    assert_eq!(store.extend(&queue, &quick, &receipts(&taken)).await.unwrap(), receipts(&taken));
    assert!(store.stats(&queue).await.unwrap().is_empty());
}

/// Rule: a job that every worker left so far has its last delivery alone, so that it takes no other job with it.
pub async fn jobs_on_their_last_delivery_are_alone<S: Jobs + DeadLetters>(store: &S) {
    // Long enough that a slow machine does not take from the last worker what it holds.
    let (queue, [worker, other]) = (left_after("alone", 1500, 3), [worker(), worker()]);
    for payload in ["a", "poison", "b"] {
        append(store, &queue, payload).await;
    }
    for delivery in 1..=2 {
        let mut jobs = Vec::new();
        while jobs.len() < 3 {
            jobs.extend(store.claim(&queue, &worker, 3, LIMIT).await.unwrap());
        }
        assert!(jobs.iter().all(|job| job.deliveries == delivery), "{jobs:?}");
    }

    let mut done = Vec::new();
    for _ in 0..3 {
        let jobs = store.claim(&queue, &other, 10, LIMIT).await.unwrap();
        assert_eq!((jobs.len(), jobs[0].deliveries), (1, 3));
        append(store, &queue, "new").await;
        assert_eq!(store.claim(&queue, &other, 10, Duration::from_millis(50)).await.unwrap(), []);
        if jobs[0].payload != "poison" {
            store.ack(&queue, &receipts(&jobs)).await.unwrap();
            done.push(jobs[0].payload.clone());
        } else {
            assert_eq!(store.fail(&queue, &other, &jobs[0].receipt, later(NOW)).await.unwrap(), Fate::Dead);
        }
    }
    let rest = store.claim(&queue, &other, 10, LIMIT).await.unwrap();

    assert_eq!(done, ["a", "b"]);
    assert_eq!(payloads(&rest), [b"new"; 3]);
    assert_eq!(store.stats(&queue).await.unwrap().dead, 1);
}

/// Rule: a job that one worker is to have alone goes to another that has nothing, while the first is long in coming to
/// an end with what it has.
pub async fn jobs_on_their_last_delivery_do_not_wait_for_a_busy_worker<S: Jobs + DeadLetters>(store: &S) {
    let (queue, [gone, busy, free]) = (left_after("passed", 1000, 3), [worker(), worker(), worker()]);
    append(store, &queue, "poison").await;
    assert_eq!(one(store, &queue, &gone).await.deliveries, 1);
    assert_eq!(one(store, &queue, &gone).await.deliveries, 2);
    append(store, &queue, "long").await;
    let long = one(store, &queue, &busy).await;
    assert_eq!(long.payload, "long");
    let take = async |worker: &_, wait| {
        assert_eq!(store.extend(&queue, &busy, slice::from_ref(&long.receipt)).await.unwrap(), []);
        store.claim(&queue, worker, 10, wait).await.unwrap()
    };

    // It is the first to find the other one.
    loop {
        append(store, &queue, "new").await;
        let jobs = take(&busy, NOW).await;
        if jobs.is_empty() {
            break;
        }
        store.ack(&queue, &receipts(&jobs)).await.unwrap();
    }
    let start = Instant::now();
    let alone = loop {
        assert!(start.elapsed() < LIMIT, "it waits for a worker that is not done");
        let jobs = take(&busy, NOW).await;
        store.ack(&queue, &receipts(&jobs)).await.unwrap();
        let jobs = take(&free, Duration::from_millis(20)).await;
        if jobs.iter().any(|job| job.payload == "poison") {
            break jobs;
        }
        store.ack(&queue, &receipts(&jobs)).await.unwrap();
    };

    assert_eq!((alone.len(), alone[0].deliveries), (1, 3));
    append(store, &queue, "new").await;
    assert_eq!(store.claim(&queue, &free, 10, NOW).await.unwrap(), [], "it has that job alone");
    assert_eq!(store.ack(&queue, &receipts(&alone)).await.unwrap(), 1);
}

/// Rule: a worker that is gone is forgotten once it has nothing, and what it had is not.
pub async fn workers_that_are_gone_are_forgotten(store: &impl Jobs) {
    let (queue, [gone, lives]) = (hasty("workers"), [worker(), worker()]);
    append(store, &queue, "a").await;
    one(store, &queue, &gone).await;

    let job = one(store, &queue, &lives).await;
    assert_eq!(job.deliveries, 2);
    store.ack(&queue, &[job.receipt]).await.unwrap();
    let start = Instant::now();
    while store.stats(&queue).await.unwrap().workers > 1 {
        assert!(start.elapsed() < LIMIT, "a worker that is gone is still known");
        store.claim(&queue, &lives, 1, Duration::from_millis(50)).await.unwrap();
    }
}
