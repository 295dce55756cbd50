//! What becomes of jobs that were not done.

#![expect(clippy::missing_panics_doc, clippy::unwrap_used, reason = "these are tests: a broken rule panics")]

use std::time::Duration;

use maily_errors::Code;
use tokio::time::Instant;

use super::{LIMIT, NOW, append, dead, hasty, later, one, payloads, queue, worker};
use crate::jobs::{DeadLetter, DeadLetters, Failure, Fate, Jobs, NewJob, Receipt};

/// Rule: a job that failed comes back after its time, with its name, key and count.
pub async fn jobs_that_failed_come_back_later(store: &impl Jobs) {
    let (queue, worker) = (queue("retry"), worker());
    let id = store.append(&queue, NewJob::new("a").with_key("k")).await.unwrap();
    let wait = Duration::from_millis(300);
    let job = one(store, &queue, &worker).await;

    let start = Instant::now();
    assert_eq!(store.fail(&queue, &worker, &job.receipt, later(wait)).await.unwrap(), Fate::Waits);
    assert_eq!(store.fail(&queue, &worker, &job.receipt, later(wait)).await.unwrap(), Fate::Lost);
    assert_eq!(store.append(&queue, NewJob::new("a").with_key("k")).await.unwrap(), id);
    let again = one(store, &queue, &worker).await;

    assert!(start.elapsed() >= wait && start.elapsed() < LIMIT / 2, "{:?}", start.elapsed());
    assert_eq!((&again.id, &again.payload[..], again.deliveries), (&id, b"a".as_slice(), 2));
    assert_eq!(store.ack(&queue, &[again.receipt]).await.unwrap(), 1);
    let stats = store.stats(&queue).await.unwrap();
    assert_eq!((stats.len(), stats.delayed, stats.dead), (0, 0, 0));
}

/// Rule: the last delivery of a job that fails, or of one that every worker leaves, makes it a dead letter.
pub async fn jobs_die_with_their_last_delivery<S: Jobs + DeadLetters>(store: &S) {
    let (queue, worker) = (hasty("poison"), worker());
    for (payload, answers) in [("fails", true), ("left", false)] {
        append(store, &queue, payload).await;
        for delivery in 1..=3 {
            let job = one(store, &queue, &worker).await;
            assert_eq!((&job.payload[..], job.deliveries), (payload.as_bytes(), delivery));
            if answers {
                let fate = store.fail(&queue, &worker, &job.receipt, later(NOW)).await.unwrap();
                assert_eq!(fate, if delivery < 3 { Fate::Waits } else { Fate::Dead });
            }
        }
    }
    let start = Instant::now();
    while store.stats(&queue).await.unwrap().dead < 2 {
        assert!(start.elapsed() < LIMIT, "it does not die");
        assert_eq!(store.claim(&queue, &worker, 1, Duration::from_millis(100)).await.unwrap(), []);
    }

    let dead = store.dead(&queue, None, 10).await.unwrap();
    let seen: Vec<_> = dead.iter().map(|dead| (&dead.payload[..], dead.deliveries, &dead.code[..])).collect();
    assert_eq!(
        seen,
        [(b"fails".as_slice(), 3, "timeout"), (b"left".as_slice(), 3, Code::RedisJobAbandoned.name())]
    );
    assert_eq!(dead[0].message, "it was slow");
    assert!(store.stats(&queue).await.unwrap().is_empty());
}

/// Rule: dead letters are listed page by page, requeued from their first delivery, and discarded.
pub async fn dead_letters_are_listed_requeued_and_discarded<S: Jobs + DeadLetters>(store: &S) {
    let (queue, worker) = (queue("dead"), worker());
    let mut names = Vec::new();
    for number in 0..5_u8 {
        names.push(store.append(&queue, NewJob::new(vec![number])).await.unwrap());
        let job = one(store, &queue, &worker).await;
        assert_eq!(store.fail(&queue, &worker, &job.receipt, dead(Code::Invalid)).await.unwrap(), Fate::Dead);
    }

    let first = store.dead(&queue, None, 2).await.unwrap();
    let rest = store.dead(&queue, Some(&first[1].receipt), 10).await.unwrap();
    let all: Vec<DeadLetter> = [first, rest].concat();
    assert_eq!(all.iter().map(|letter| letter.id.clone()).collect::<Vec<_>>(), names);
    assert!(all.iter().all(|letter| letter.code == "invalid" && letter.message == "it is wrong"));

    let held: Vec<Receipt> = all.into_iter().map(|letter| letter.receipt).collect();
    assert_eq!(store.requeue(&queue, &held[..2]).await.unwrap(), 2);
    assert_eq!(store.requeue(&queue, &held[..2]).await.unwrap(), 0);
    assert_eq!(store.discard(&queue, &held).await.unwrap(), 3);
    assert_eq!(store.dead(&queue, None, 10).await.unwrap(), []);
    let jobs = store.claim(&queue, &worker, 10, NOW).await.unwrap();
    assert_eq!(payloads(&jobs), [[0], [1]]);
    assert!(jobs.iter().zip(&names).all(|(job, name)| job.id == *name && job.deliveries == 1));
}

/// Rule: what is handed back is another worker's at once, and was not delivered.
pub async fn jobs_that_are_handed_back_were_not_delivered(store: &impl Jobs) {
    let (queue, [one_of, other]) = (queue("back"), [worker(), worker()]);
    append(store, &queue, "a").await;
    let start = Instant::now();
    for _ in 0..queue.max_deliveries() + 2 {
        let job = one(store, &queue, &one_of).await;
        assert_eq!(job.deliveries, 1);
        let fate = store.fail(&queue, &one_of, &job.receipt, Failure::HandBack).await.unwrap();
        assert_eq!(fate, Fate::Waits);
    }

    let job = one(store, &queue, &other).await;

    assert_eq!((&job.payload[..], job.deliveries), (b"a".as_slice(), 1));
    assert!(start.elapsed() < queue.idle(), "{:?}", start.elapsed());
}

/// Rule: who did not hear that a job was taken back hands it back again, and no delivery is taken off twice.
pub async fn jobs_that_are_handed_back_twice_were_handed_back_once(store: &impl Jobs) {
    let (queue, worker) = (hasty("twice"), worker());
    append(store, &queue, "a").await;
    // The first delivery is left.
    assert_eq!(one(store, &queue, &worker).await.deliveries, 1);
    let job = one(store, &queue, &worker).await;
    assert_eq!(job.deliveries, 2);

    for _ in 0..3 {
        let fate = store.fail(&queue, &worker, &job.receipt, Failure::HandBack).await.unwrap();
        assert_eq!(fate, Fate::Waits);
    }

    assert_eq!(one(store, &queue, &worker).await.deliveries, 2);
}
