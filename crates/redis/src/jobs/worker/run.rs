//! The loop: claim, handle, extend, settle; and the end.

use std::collections::HashMap;
use std::future::{Future, pending};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use maily_errors::{Code, Error, Result, TraceContext};
use tokio::task::{AbortHandle, Id, JoinError, JoinSet};
use tokio::time::{Instant, sleep_until};
use tracing::Instrument as _;

use super::super::{Failure, Job, Receipt};
use super::instruments::{self, Instruments};
use super::settle::{Outcome, Settled, settle};
use super::{Summary, Worker};
use crate::model::MAX_TTL;
use crate::port::Jobs;

/// How long one claim waits: the time that an end of the worker may be late for it.
const WAIT: Duration = Duration::from_millis(250);

/// How long the worker keeps talking to the server after its drain time.
const FAREWELL: Duration = Duration::from_secs(2);

const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// A call to the store that is under way. Boxed: it lives across turns of the loop, and its type has no name.
type Call<T> = Option<Pin<Box<dyn Future<Output = T> + Send>>>;

/// A worker that runs.
pub(super) struct Run<S, H> {
    worker: Worker<S>,
    handler: Arc<H>,
    instruments: Arc<Instruments>,
    summary: Summary,
    tasks: JoinSet<Result<()>>,
    /// What each task works on.
    running: HashMap<Id, Running>,
    /// What the handlers made of their jobs, and the store does not know yet.
    outcomes: Vec<(Receipt, Outcome)>,
    /// What the store is being told.
    telling: Vec<Receipt>,
    claim: Call<Result<Vec<Job>>>,
    extend: Call<Result<Vec<Receipt>>>,
    settle: Call<Vec<(Receipt, Settled)>>,
    /// When to claim again after a failure, and how long to pause after the next one.
    resume: Option<Instant>,
    pause: Duration,
    next_extend: Instant,
    /// By when everything has to be done, once the worker was told to end.
    end: Option<Instant>,
}

struct Running {
    receipt: Receipt,
    deliveries: u32,
    abort: AbortHandle,
}

impl<S, H, F> Run<S, H>
where
    S: Jobs + 'static,
    H: Fn(Job) -> F + Send + Sync + 'static,
    F: Future<Output = Result<()>> + Send + 'static,
{
    pub(super) fn new(worker: Worker<S>, handler: H) -> Self {
        let instruments = Arc::new(Instruments::new(&worker.queue));
        Self {
            handler: Arc::new(handler),
            instruments,
            summary: Summary::default(),
            tasks: JoinSet::new(),
            running: HashMap::new(),
            outcomes: Vec::new(),
            telling: Vec::new(),
            claim: None,
            extend: None,
            settle: None,
            resume: None,
            pause: FIRST_PAUSE,
            next_extend: Instant::now() + worker.queue.idle() / 3,
            end: None,
            worker,
        }
    }

    pub(super) async fn until(mut self, shutdown: impl Future<Output = ()> + Send) -> Summary {
        let (store, queue) = (self.worker.store.clone(), self.worker.queue.clone());
        let instruments = Arc::clone(&self.instruments);
        let mut watch = pin!(instruments::watch(&store, &queue, &instruments));
        let mut shutdown = pin!(shutdown);
        loop {
            self.begin_calls();
            if self.end.is_some() && self.is_idle() {
                break;
            }
            tokio::select! {
                () = &mut shutdown, if self.end.is_none() => {
                    self.end = Some(Instant::now() + self.worker.drain.min(MAX_TTL));
                }
                Some(ended) = self.tasks.join_next_with_id() => self.handled(ended),
                claimed = call(&mut self.claim) => self.claimed(claimed),
                lost = call(&mut self.extend) => self.extended(lost),
                settled = call(&mut self.settle) => self.settled(settled),
                () = at(self.resume) => self.resume = None,
                () = sleep_until(self.next_extend), if self.extend.is_none() => self.begin_extend(),
                () = at(self.end) => break,
                () = &mut watch => {}
            }
        }
        self.farewell().await;
        self.summary
    }

    /// Begins what can be begun: a claim for the free hands, and the telling of what is known.
    fn begin_calls(&mut self) {
        let held = self.running.len() + self.outcomes.len() + self.telling.len();
        let free = self.worker.concurrency.saturating_sub(held);
        if self.claim.is_none() && self.resume.is_none() && self.end.is_none() && free > 0 {
            let Worker { store, queue, id, .. } = self.worker.clone();
            self.claim = Some(Box::pin(async move { store.claim(&queue, &id, free, WAIT).await }));
        }
        if self.settle.is_none() && !self.outcomes.is_empty() {
            let Worker { store, queue, id, .. } = self.worker.clone();
            let outcomes = std::mem::take(&mut self.outcomes);
            self.telling = outcomes.iter().map(|(receipt, _)| receipt.clone()).collect();
            self.settle = Some(Box::pin(async move { settle(&store, &queue, &id, outcomes).await }));
        }
    }

    /// Extends what runs, and what the store was not told about yet: nobody else should begin it.
    fn begin_extend(&mut self) {
        self.next_extend = Instant::now() + self.worker.queue.idle() / 3;
        let running = self.running.values().map(|running| &running.receipt);
        let told = self.outcomes.iter().map(|(receipt, _)| receipt);
        let receipts: Vec<Receipt> = running.chain(told).chain(&self.telling).cloned().collect();
        if !receipts.is_empty() {
            let Worker { store, queue, id, .. } = self.worker.clone();
            self.extend = Some(Box::pin(async move { store.extend(&queue, &id, &receipts).await }));
        }
    }

    fn claimed(&mut self, claimed: Result<Vec<Job>>) {
        match claimed {
            Ok(jobs) => {
                self.pause = FIRST_PAUSE;
                jobs.into_iter().for_each(|job| self.start(job));
            }
            // Nothing opens it again: what runs is the last.
            Err(err) if err.code() == Code::RedisDiskClosed => {
                self.end.get_or_insert_with(|| Instant::now() + self.worker.drain.min(MAX_TTL));
            }
            Err(err) => {
                tracing::warn!(queue = self.worker.queue.name(), error = %err, "no jobs could be claimed");
                self.resume = Some(Instant::now() + self.pause.mul_f64(rand::random_range(0.5..1.5)));
                self.pause = (self.pause * 2).min(LONGEST_PAUSE);
            }
        }
    }

    fn start(&mut self, job: Job) {
        if self.end.is_some() {
            // It came while the worker was told to end.
            return self.outcomes.push((job.receipt, Outcome::Failed(Failure::HandBack)));
        }
        if job.deliveries == 1 {
            self.instruments.age.record(job.age);
        }
        let here = job.trace.map_or_else(TraceContext::root, TraceContext::child);
        let span = instruments::span(&self.worker.queue, &self.worker.id, &job, here);
        let (receipt, deliveries) = (job.receipt.clone(), job.deliveries);
        let (handler, instruments) = (Arc::clone(&self.handler), Arc::clone(&self.instruments));
        let work = async move {
            let start = Instant::now();
            let result = handler(job).await;
            instruments.seconds.record(start.elapsed());
            if let Err(err) = &result {
                tracing::Span::current().record("error.type", err.code().name());
            }
            result
        };
        let abort = self.tasks.spawn(here.scope(work).instrument(span));
        self.running.insert(abort.id(), Running { receipt, deliveries, abort });
    }

    /// Takes what ended, and with it all that ended meanwhile: they are told to the store in one call.
    fn handled(&mut self, first: Result<(Id, Result<()>), JoinError>) {
        self.ended(first);
        while let Some(next) = self.tasks.try_join_next_with_id() {
            self.ended(next);
        }
    }

    fn ended(&mut self, ended: Result<(Id, Result<()>), JoinError>) {
        let id = ended.as_ref().map_or_else(JoinError::id, |(id, _)| *id);
        let Some(running) = self.running.remove(&id) else { return };
        let outcome = match ended {
            Ok((_, Ok(()))) => Outcome::Done,
            Ok((_, Err(err))) => Outcome::Failed(Failure::of(&err, running.deliveries)),
            Err(err) if err.is_panic() => {
                let err = Error::new(Code::RedisJobPanicked, "the handler panicked");
                Outcome::Failed(Failure::of(&err, running.deliveries))
            }
            // Cancelled at the end of the worker.
            Err(_) => Outcome::Failed(Failure::HandBack),
        };
        self.outcomes.push((running.receipt, outcome));
    }

    /// Cancels the handlers of jobs that others have by now.
    fn extended(&mut self, lost: Result<Vec<Receipt>>) {
        let Ok(lost) = lost else {
            // Sooner than usual: the time of the jobs runs out.
            self.next_extend = Instant::now() + self.worker.queue.idle() / 12;
            return;
        };
        for receipt in lost {
            let id = self.running.iter().find(|(_, running)| running.receipt == receipt).map(|(id, _)| *id);
            if let Some(running) = id.and_then(|id| self.running.remove(&id)) {
                running.abort.abort();
                self.count(Settled::Lost);
            }
        }
    }

    fn settled(&mut self, settled: Vec<(Receipt, Settled)>) {
        self.telling.clear();
        for (_, what) in settled {
            self.count(what);
        }
    }

    fn count(&mut self, what: Settled) {
        let (instruments, summary) = (&self.instruments, &mut self.summary);
        let (counter, sum) = match what {
            Settled::Dead => (&instruments.dead, &mut summary.dead),
            Settled::Done => (&instruments.done, &mut summary.done),
            Settled::HandedBack => (&instruments.handed_back, &mut summary.handed_back),
            Settled::Lost => (&instruments.lost, &mut summary.lost),
            Settled::Retried => (&instruments.retried, &mut summary.retried),
        };
        counter.increment(1);
        *sum += 1;
    }

    fn is_idle(&self) -> bool {
        self.tasks.is_empty() && self.claim.is_none() && self.settle.is_none() && self.outcomes.is_empty()
    }

    /// Cancels what still runs, hands it back, and tells the store everything that it does not know.
    async fn farewell(&mut self) {
        let end = Instant::now() + FAREWELL;
        self.tasks.abort_all();
        loop {
            self.begin_calls();
            if self.is_idle() {
                return;
            }
            tokio::select! {
                Some(ended) = self.tasks.join_next_with_id() => self.handled(ended),
                claimed = call(&mut self.claim) => self.claimed(claimed),
                settled = call(&mut self.settle) => self.settled(settled),
                () = sleep_until(end) => break,
            }
        }
        let unknown = self.running.len() + self.outcomes.len() + self.telling.len();
        (0..unknown).for_each(|_| self.count(Settled::Lost));
    }
}

/// Waits for the call that is under way, and for ever if there is none.
async fn call<T>(slot: &mut Call<T>) -> T {
    let Some(call) = slot else { return pending().await };
    let result = call.await;
    *slot = None;
    result
}

/// Waits until then, and for ever if there is no such time.
async fn at(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => pending().await,
    }
}
