//! Tells the store what became of jobs, until it has heard it.

use std::time::Duration;

use maily_errors::Result;
use tokio::time::sleep;

use super::super::{Failure, Fate, MAX_CLAIM, Queue, Receipt, WorkerId};
use crate::port::Jobs;

/// What a handler made of a job.
#[derive(Debug)]
pub(super) enum Outcome {
    Done,
    Failed(Failure),
}

/// What the store made of that.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Settled {
    Dead,
    Done,
    HandedBack,
    Lost,
    Retried,
}

const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// Settles jobs. While the store is away it tries again; a refusal that no repetition helps makes the job lost.
pub(super) async fn settle(
    store: &impl Jobs,
    queue: &Queue,
    worker: &WorkerId,
    outcomes: Vec<(Receipt, Outcome)>,
) -> Vec<(Receipt, Settled)> {
    let mut settled = Vec::with_capacity(outcomes.len());
    let (mut done, mut failed) = (Vec::new(), Vec::new());
    for (receipt, outcome) in outcomes {
        match outcome {
            Outcome::Done => done.push(receipt),
            Outcome::Failed(failure) => failed.push((receipt, failure)),
        }
    }
    for receipts in done.chunks(MAX_CLAIM) {
        // One that is not there any more was acknowledged by another worker: it is done.
        let what = repeat(|| store.ack(queue, receipts)).await.map_or(Settled::Lost, |_| Settled::Done);
        settled.extend(receipts.iter().map(|receipt| (receipt.clone(), what)));
    }
    for (receipt, failure) in failed {
        let what = match repeat(|| store.fail(queue, worker, &receipt, failure)).await {
            Ok(Fate::Dead) => Settled::Dead,
            Ok(Fate::Waits) if failure == Failure::HandBack => Settled::HandedBack,
            Ok(Fate::Waits) => Settled::Retried,
            Ok(Fate::Lost) | Err(_) => Settled::Lost,
        };
        settled.push((receipt, what));
    }
    settled
}

async fn repeat<T, F>(call: impl Fn() -> F) -> Result<T>
where
    F: Future<Output = Result<T>>,
{
    let mut pause = FIRST_PAUSE;
    loop {
        match call().await {
            Err(err) if err.is_temporary() => sleep(pause).await,
            result => return result,
        }
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}
