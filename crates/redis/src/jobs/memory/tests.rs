use std::collections::BTreeMap;
use std::time::Duration;

use maily_errors::{Code, TraceContext};
use proptest::prelude::*;
use tokio::time::advance;

use super::super::{DeadLetters, Jobs, QueueConfig};
use super::*;
use crate::MemoryConfig;
use crate::memory::testing::{Mood, Rows as Written};

const NOW: Duration = Duration::ZERO;

/// What a producer, a worker or time does.
#[derive(Clone, Copy, Debug)]
enum Step {
    Ack(usize),
    Advance { ms: u64 },
    Append { key: Option<u8>, delay_ms: u64 },
    Bury(usize),
    Claim { worker: usize, max: usize },
    Discard(usize),
    Extend(usize),
    HandBack(usize),
    Requeue(usize),
    Retry { which: usize, delay_ms: u64 },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let which = 0_usize..100;
    let step = prop_oneof![
        4 => (prop::option::of(0_u8..4), prop_oneof![3 => Just(0), 1 => 1_u64..500])
            .prop_map(|(key, delay_ms)| Step::Append { key, delay_ms }),
        4 => (0_usize..2, 1_usize..4).prop_map(|(worker, max)| Step::Claim { worker, max }),
        2 => (1_u64..300).prop_map(|ms| Step::Advance { ms }),
        2 => which.clone().prop_map(Step::Ack),
        1 => which.clone().prop_map(Step::Extend),
        1 => which.clone().prop_map(Step::HandBack),
        1 => which.clone().prop_map(Step::Bury),
        1 => which.clone().prop_map(Step::Requeue),
        1 => which.clone().prop_map(Step::Discard),
        1 => (which, 0_u64..300).prop_map(|(which, delay_ms)| Step::Retry { which, delay_ms }),
    ];
    prop::collection::vec(step, 1..60)
}

fn queue() -> Queue {
    let name = "q".to_owned();
    let config = QueueConfig {
        name,
        idle_ms: 100,
        max_deliveries: 3,
        window_ms: 400,
        max_dead: 3,
        ..QueueConfig::default()
    };
    config.build().unwrap()
}

/// A store, its workers, and what they were handed.
struct Run {
    store: MemoryStore,
    queue: Queue,
    workers: [WorkerId; 2],
    held: Vec<(usize, Receipt)>,
    appended: u64,
}

impl Run {
    fn new(store: MemoryStore) -> Self {
        let workers = [(); 2].map(|()| WorkerId::new("worker").unwrap());
        Self { store, queue: queue(), workers, held: Vec::new(), appended: 0 }
    }

    async fn step(&mut self, step: Step) -> Result<()> {
        let Self { store, queue, workers, held, .. } = self;
        let held_at = |which: usize| held.get(which % held.len().max(1)).cloned();
        let fail = async |which, failure| match held_at(which) {
            Some((worker, receipt)) => store.fail(queue, &workers[worker], &receipt, failure).await.map(drop),
            None => Ok(()),
        };
        match step {
            Step::Advance { ms } => advance(Duration::from_millis(ms)).await,
            Step::Append { key, delay_ms } => {
                self.appended += 1;
                let mut job =
                    NewJob::new(self.appended.to_string()).with_delay(Duration::from_millis(delay_ms));
                job.trace = self.appended.is_multiple_of(2).then(TraceContext::root);
                job.key = key.map(|key| vec![key].into());
                store.append(queue, job).await?;
            }
            Step::Claim { worker, max } => {
                let jobs = store.claim(queue, &workers[worker], max, NOW).await?;
                held.extend(jobs.into_iter().map(|job| (worker, job.receipt)));
            }
            Step::Ack(which) => {
                let receipts = Vec::from_iter(held_at(which).map(|(_, receipt)| receipt));
                store.ack(queue, &receipts).await?;
            }
            Step::Extend(which) => {
                if let Some((worker, receipt)) = held_at(which) {
                    store.extend(queue, &workers[worker], &[receipt]).await?;
                }
            }
            Step::HandBack(which) => fail(which, Failure::HandBack).await?,
            Step::Bury(which) => fail(which, Failure::Dead { code: Code::Invalid, message: "wrong" }).await?,
            Step::Retry { which, delay_ms } => {
                let after = Duration::from_millis(delay_ms);
                fail(which, Failure::Retry { after, code: Code::Timeout, message: "slow" }).await?;
            }
            Step::Requeue(which) | Step::Discard(which) => {
                let dead = store.dead(queue, None, 10).await?;
                let receipts = Vec::from_iter(dead.get(which % 4).map(|dead| dead.receipt.clone()));
                match step {
                    Step::Requeue(_) => store.requeue(queue, &receipts).await?,
                    _ => store.discard(queue, &receipts).await?,
                };
            }
        }
        Ok(())
    }
}

/// Writes everything that outlives a process, and the greatest number.
fn seen(store: &MemoryStore) -> (String, u64) {
    let shared = store.queue(&queue());
    let state = shared.state.lock();
    let (pending, keys) = (BTreeMap::from_iter(&state.pending), BTreeMap::from_iter(&state.keys));
    let places = (&state.waiting, &state.delayed, pending, &state.touched, &state.dead, keys, &state.ends);
    (format!("{places:#?}"), state.last)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(200) })]

    #[test]
    fn queue_that_is_read_again_is_the_one_that_was_written(steps in steps()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let rows = Written::default();
            let mut run = Run::new(rows.restore());
            for step in steps {
                run.step(step).await.unwrap();

                let (before, last) = seen(&run.store);
                let (after, last_after) = seen(&rows.restore());

                assert_eq!(after, before, "after {step:?}");
                assert!(last_after >= last);
            }
            // What is done leaves the journal: two rows at most for each job, one for each key, one for the time.
            let stats = run.store.stats(&run.queue).await.unwrap();
            let jobs = stats.len() + stats.delayed + stats.dead;
            assert!(rows.keys().len() as u64 <= 2 * jobs + 4 + 1);
        });
    }
}

#[tokio::test(start_paused = true)]
async fn claim_that_a_crash_cut_short_counts_and_comes_back_after_its_idle_time() {
    let rows = Written::default();
    let mut run = Run::new(rows.restore());
    run.step(Step::Append { key: None, delay_ms: 0 }).await.unwrap();

    for delivery in 1..=2 {
        let job = run.store.claim(&run.queue, &run.workers[0], 1, NOW).await.unwrap().remove(0);
        assert_eq!(job.deliveries, delivery);
        run.store = rows.restore();
        assert_eq!(run.store.claim(&run.queue, &run.workers[1], 1, NOW).await.unwrap(), []);
        advance(run.queue.idle()).await;
    }
    let job = run.store.claim(&run.queue, &run.workers[0], 1, NOW).await.unwrap().remove(0);
    assert_eq!(job.deliveries, 3);
    run.store = rows.restore();
    advance(run.queue.idle()).await;

    assert_eq!(run.store.claim(&run.queue, &run.workers[1], 1, NOW).await.unwrap(), []);
    let dead = rows.restore().dead(&run.queue, None, 10).await.unwrap();
    assert_eq!((dead.len(), dead[0].deliveries, dead[0].id.clone()), (1, 3, job.id));
}

#[tokio::test(start_paused = true)]
async fn nothing_is_answered_before_it_is_written() {
    let (rows, limit) = (Written::default(), Duration::from_millis(10));
    let mut run = Run::new(rows.restore());
    for step in [Step::Append { key: None, delay_ms: 0 }, Step::Append { key: None, delay_ms: 0 }] {
        run.step(step).await.unwrap();
    }
    run.step(Step::Claim { worker: 0, max: 1 }).await.unwrap();
    for mood in [Mood::Hung, Mood::Broken] {
        rows.become_(mood);
        for step in [
            Step::Append { key: None, delay_ms: 0 },
            Step::Claim { worker: 1, max: 1 },
            Step::Extend(0),
            Step::Ack(0),
        ] {
            let answer = tokio::time::timeout(limit, run.step(step)).await;
            match mood {
                Mood::Hung => assert!(answer.is_err(), "{step:?}"),
                _ => assert!(
                    matches!(answer, Ok(Err(_))) || matches!(step, Step::Ack(_) | Step::Extend(_)),
                    "{step:?}"
                ),
            }
        }
    }
}

#[tokio::test]
async fn rows_that_nobody_wrote_so_are_refused() {
    let rows = Written::default();
    let mut run = Run::new(rows.restore());
    run.step(Step::Append { key: Some(1), delay_ms: 0 }).await.unwrap();
    run.step(Step::Claim { worker: 0, max: 1 }).await.unwrap();
    let code =
        |rows: &Written| rows.restore_with(MemoryConfig::default()).map(drop).map_err(|err| err.code());
    assert_eq!((code(&rows), rows.keys().len()), (Ok(()), 4));

    for key in rows.keys() {
        let kept = Written::default();
        rows.change(|rows| kept.change(|kept| *kept = rows.clone()));
        let value = kept.value(&key);
        for cut in 0..value.len().min(18) {
            kept.change(|rows| drop(rows.insert(key.clone(), value.slice(..cut))));
            let payload = key.get(3) == Some(&b'p') && cut >= 9;
            assert!(payload || code(&kept) == Err(Code::RedisDiskCorrupt), "{key:?} cut at {cut}");
        }
        kept.change(|rows| drop(rows.insert([&key[..], b"x"].concat().into(), value.clone())));
        let longer = key.get(3) == Some(&b'k');
        assert!(longer || code(&kept) == Err(Code::RedisDiskCorrupt), "{key:?} longer");
    }
    let payload = rows.keys().into_iter().find(|key| key.get(3) == Some(&b'p')).unwrap();
    rows.change(|rows| drop(rows.remove(&payload)));
    assert_eq!(code(&rows), Err(Code::RedisDiskCorrupt));
}

#[tokio::test]
async fn nothing_comes_after_the_last_receipt() {
    let store = MemoryStore::default();
    let last = Receipt::new(&u64::MAX.to_string()).unwrap();

    assert_eq!(store.dead(&queue(), Some(&last), 10).await.unwrap(), []);
}
