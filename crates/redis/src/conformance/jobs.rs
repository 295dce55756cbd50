//! The rules of [`Jobs`] and [`DeadLetters`].

#![expect(clippy::unwrap_used, clippy::missing_panics_doc, reason = "these are tests: a broken rule panics")]

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::{join, join_all};
use maily_errors::{Code, Error, TraceContext};
use tokio::time::{Instant, sleep};

use crate::jobs::{
    DeadLetter, DeadLetters, Failure, Fate, Job, Jobs, MAX_CLAIM, MAX_DELAY, MAX_JOB_BYTES,
    MAX_JOB_KEY_BYTES, MAX_WAIT, NewJob, Queue, QueueConfig, Receipt, Worker, WorkerId,
};

const NOW: Duration = Duration::ZERO;

/// How long a rule waits for what must come.
const LIMIT: Duration = Duration::from_secs(20);

fn queue(name: &str) -> Queue {
    Queue::new(name).unwrap()
}

/// A queue whose jobs are left after 400 ms, and die with the third delivery.
fn hasty(name: &str) -> Queue {
    let name = name.to_owned();
    QueueConfig { name, idle_ms: 400, max_deliveries: 3, ..QueueConfig::default() }.build().unwrap()
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

/// Rule: a job that is extended in time is nobody else's.
pub async fn jobs_that_are_extended_are_kept(store: &impl Jobs) {
    let name = "extended".to_owned();
    let queue = QueueConfig { name, idle_ms: 3000, ..QueueConfig::default() }.build().unwrap();
    let [owner, other] = [worker(), worker()];
    append(store, &queue, "a").await;
    let job = one(store, &queue, &owner).await;

    let (start, mut last) = (Instant::now(), Instant::now());
    while start.elapsed() < Duration::from_millis(4000) {
        let lost = store.extend(&queue, &owner, &[job.receipt.clone()]).await.unwrap();
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
    let (queue, [slow, quick]) = (hasty("lost"), [worker(), worker()]);
    for payload in ["a", "b"] {
        append(store, &queue, payload).await;
    }
    let jobs = store.claim(&queue, &slow, 2, NOW).await.unwrap();
    assert_eq!(store.extend(&queue, &quick, &receipts(&jobs)).await.unwrap(), receipts(&jobs));
    let taken = [one(store, &queue, &quick).await, one(store, &queue, &quick).await];
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

/// Rule: a job that every worker left so far has its last delivery alone, so that it takes no other job with it.
pub async fn jobs_on_their_last_delivery_are_alone<S: Jobs + DeadLetters>(store: &S) {
    let (queue, [worker, other]) = (hasty("alone"), [worker(), worker()]);
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

fn dead(code: Code) -> Failure {
    Failure::Dead { code, message: "it is wrong" }
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
