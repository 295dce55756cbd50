//! One queue, and what happens to its jobs.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::time::Duration;

use bytes::Bytes;
use maily_errors::{Code, Error, Public, Result, TraceContext};
use tokio::time::Instant;

use super::super::model::CLAIM_BYTES;
use super::super::{
    ABANDONED, DeadLetter, Failure, Fate, Job, JobId, NewJob, Queue, Receipt, Stats, WorkerId,
};

/// How often a worker that is to have a job alone asks for it.
const ALONE: Duration = Duration::from_millis(20);

/// What is in a queue. Every method is one change; the caller holds the lock.
#[derive(Debug, Default)]
pub(super) struct State {
    /// The number that the last job or delivery got.
    last: u64,
    waiting: VecDeque<(u64, Entry)>,
    delayed: BTreeMap<(Instant, u64), Entry>,
    pending: HashMap<u64, Pending>,
    /// When each pending job was last touched; `None` if it was handed back.
    touched: BTreeSet<(Option<Instant>, u64)>,
    dead: BTreeMap<u64, DeadLetter>,
    keys: HashMap<Bytes, JobId>,
    /// Which key ends, by when.
    ends: BTreeSet<(Instant, Bytes)>,
    workers: HashMap<WorkerId, Instant>,
    /// When the workers that are gone were last looked for.
    swept: Option<Instant>,
    /// Which worker is to have a job alone, unless it says nothing until then.
    alone: Option<(WorkerId, Instant)>,
}

#[derive(Debug)]
struct Entry {
    id: JobId,
    payload: Bytes,
    trace: Option<TraceContext>,
    deliveries: u32,
    appended: Instant,
}

/// What becomes of a job that its worker left.
enum Left {
    Dead,
    Job,
    Suspect,
}

#[derive(Debug)]
struct Pending {
    entry: Entry,
    worker: WorkerId,
    touched: Option<Instant>,
}

impl State {
    /// Adds a job, unless its key is there.
    pub(super) fn append(&mut self, queue: &Queue, job: NewJob, limit: usize, now: Instant) -> Result<JobId> {
        while self.ends.first().is_some_and(|(ends, _)| *ends <= now) {
            let over = self.ends.pop_first();
            over.and_then(|(_, key)| self.keys.remove(&key));
        }
        if let Some(id) = job.key.as_ref().and_then(|key| self.keys.get(key)) {
            return Ok(id.clone());
        }
        let jobs = self.waiting.len() + self.delayed.len() + self.pending.len();
        if jobs.max(self.keys.len()) >= limit {
            return Err(Error::new(Code::RedisStoreFull, "the queue in memory is full")
                .with_operation("redis::append")
                .with_context("limit", Public(limit)));
        }
        let id = JobId(self.next().to_string().into());
        if let Some(key) = job.key {
            self.ends.insert((now + queue.window(), key.clone()));
            self.keys.insert(key, id.clone());
        }
        let entry =
            Entry { id: id.clone(), payload: job.payload, trace: job.trace, deliveries: 0, appended: now };
        self.due(entry, job.delay, now);
        Ok(id)
    }

    /// Hands out what somebody left, then what became due, then what is new. Says when there may be more.
    pub(super) fn take(
        &mut self,
        queue: &Queue,
        worker: &WorkerId,
        max: usize,
        now: Instant,
    ) -> (Vec<Job>, Option<Instant>) {
        self.sweep(queue, worker, now);
        while self.delayed.first_key_value().is_some_and(|((due, _), _)| *due <= now) {
            if let Some((_, entry)) = self.delayed.pop_first() {
                self.wait(entry);
            }
        }
        let (mut jobs, mut bytes) = (Vec::new(), 0);
        if self.is_closed(queue, worker, now) {
            return (jobs, Some(now + ALONE));
        }
        while jobs.len() < max && bytes < CLAIM_BYTES {
            let Some((number, entry)) = self.next_job(queue, worker, now) else { break };
            let lonely = self.is_alone(worker);
            bytes += entry.payload.len();
            jobs.push(self.deliver(number, entry, worker, now));
            if lonely {
                break;
            }
        }
        let due = self.delayed.first_key_value().map(|((due, _), _)| *due);
        let left = self.touched.first().map(|(touched, _)| touched.map_or(now, |at| at + queue.idle()));
        (jobs, due.into_iter().chain(left).min())
    }

    /// Returns the next job to hand out, and buries those that were handed out too often.
    ///
    /// A job before its last delivery, which nobody answered, may be what ended its workers. It goes to a worker that
    /// has nothing else, so that no other job ends with it.
    fn next_job(&mut self, queue: &Queue, worker: &WorkerId, now: Instant) -> Option<(u64, Entry)> {
        while let Some((number, left)) = self.next_left(queue, worker, now) {
            match left {
                Left::Dead => {
                    let entry = self.release(number)?;
                    self.bury(queue, entry, Code::RedisJobAbandoned, ABANDONED);
                }
                Left::Suspect if self.alone.is_none() => {
                    self.alone = Some((worker.clone(), now + queue.idle()));
                    if self.is_closed(queue, worker, now) {
                        return None;
                    }
                }
                Left::Job | Left::Suspect => return self.release(number).map(|entry| (number, entry)),
            }
        }
        self.alone.take_if(|(lonely, _)| lonely == worker);
        self.waiting.pop_front()
    }

    /// Returns the first job that somebody left and that this worker may have.
    fn next_left(&self, queue: &Queue, worker: &WorkerId, now: Instant) -> Option<(u64, Left)> {
        let left = self.touched.iter().take_while(|(at, _)| at.is_none_or(|at| at + queue.idle() <= now));
        left.copied().find_map(|(touched, number)| {
            let deliveries = self.pending.get(&number)?.entry.deliveries;
            if deliveries >= queue.max_deliveries() {
                Some((number, Left::Dead))
            } else if touched.is_some() && deliveries + 1 == queue.max_deliveries() {
                let mine = self.alone.is_none() || self.is_alone(worker);
                mine.then_some((number, Left::Suspect))
            } else {
                (!self.is_alone(worker)).then_some((number, Left::Job))
            }
        })
    }

    fn is_alone(&self, worker: &WorkerId) -> bool {
        self.alone.as_ref().is_some_and(|(lonely, _)| lonely == worker)
    }

    /// Returns whether the worker is to have a job alone, and still has others.
    fn is_closed(&mut self, queue: &Queue, worker: &WorkerId, now: Instant) -> bool {
        self.alone.take_if(|(_, ends)| *ends <= now);
        match &mut self.alone {
            Some((lonely, ends)) if lonely == worker => *ends = now + queue.idle(),
            _ => return false,
        }
        let has = |pending: &Pending| pending.touched.is_some_and(|at| at + queue.idle() > now);
        self.pending.values().any(|pending| pending.worker == *worker && has(pending))
    }

    fn deliver(&mut self, number: u64, mut entry: Entry, worker: &WorkerId, now: Instant) -> Job {
        entry.deliveries += 1;
        let job = Job {
            id: entry.id.clone(),
            receipt: Receipt(number.to_string().into()),
            payload: entry.payload.clone(),
            deliveries: entry.deliveries,
            age: now - entry.appended,
            trace: entry.trace,
        };
        self.touched.insert((Some(now), number));
        self.pending.insert(number, Pending { entry, worker: worker.clone(), touched: Some(now) });
        job
    }

    /// Forgets a job that is done; returns whether it was there.
    pub(super) fn done(&mut self, number: u64) -> bool {
        self.release(number).is_some()
    }

    /// Does with a job that was not done what the failure says.
    pub(super) fn fail(
        &mut self,
        queue: &Queue,
        worker: &WorkerId,
        number: u64,
        failure: Failure,
        now: Instant,
    ) -> Fate {
        if matches!(failure, Failure::HandBack) {
            if !self.touch(number, worker, None) {
                return Fate::Lost;
            }
            if let Some(pending) = self.pending.get_mut(&number) {
                pending.entry.deliveries -= 1;
            }
            return Fate::Waits;
        }
        if self.pending.get(&number).is_none_or(|pending| pending.worker != *worker) {
            return Fate::Lost;
        }
        let Some(entry) = self.release(number) else { return Fate::Lost };
        match failure {
            Failure::Retry { after, .. } if entry.deliveries < queue.max_deliveries() => {
                self.due(entry, after, now);
                Fate::Waits
            }
            Failure::Dead { code, message } | Failure::Retry { code, message, .. } => {
                self.bury(queue, entry, code, message);
                Fate::Dead
            }
            Failure::HandBack => Fate::Waits,
        }
    }

    pub(super) fn stats(&self, now: Instant) -> Stats {
        let waiting = self.waiting.front().map(|(_, entry)| entry.appended);
        let pending = self.pending.values().map(|pending| pending.entry.appended);
        let oldest = pending.chain(waiting).min();
        Stats {
            waiting: self.waiting.len() as u64,
            pending: self.pending.len() as u64,
            delayed: self.delayed.len() as u64,
            dead: self.dead.len() as u64,
            workers: self.workers.len() as u64,
            oldest: oldest.map_or(Duration::ZERO, |appended| now - appended),
        }
    }

    /// Returns dead letters from a number on.
    pub(super) fn letters(&self, first: u64, max: usize) -> Vec<DeadLetter> {
        self.dead.range(first..).take(max).map(|(_, letter)| letter.clone()).collect()
    }

    /// Lets a dead letter begin again; returns whether it was there.
    pub(super) fn requeue(&mut self, number: u64, now: Instant) -> bool {
        let Some(DeadLetter { id, payload, trace, .. }) = self.dead.remove(&number) else { return false };
        self.wait(Entry { id, payload, trace, deliveries: 0, appended: now });
        true
    }

    /// Throws a dead letter away; returns whether it was there.
    pub(super) fn discard(&mut self, number: u64) -> bool {
        self.dead.remove(&number).is_some()
    }

    const fn next(&mut self) -> u64 {
        self.last += 1;
        self.last
    }

    fn wait(&mut self, entry: Entry) {
        let number = self.next();
        self.waiting.push_back((number, entry));
    }

    fn due(&mut self, entry: Entry, delay: Duration, now: Instant) {
        if delay.is_zero() {
            return self.wait(entry);
        }
        let number = self.next();
        self.delayed.insert((now + delay, number), entry);
    }

    /// Takes a pending job away from its worker.
    fn release(&mut self, number: u64) -> Option<Entry> {
        let pending = self.pending.remove(&number)?;
        self.touched.remove(&(pending.touched, number));
        Some(pending.entry)
    }

    /// Sets when a job of this worker was last touched; returns whether it has the job.
    pub(super) fn touch(&mut self, number: u64, worker: &WorkerId, at: Option<Instant>) -> bool {
        let Some(pending) = self.pending.get_mut(&number).filter(|pending| pending.worker == *worker) else {
            return false;
        };
        self.touched.remove(&(pending.touched, number));
        pending.touched = at;
        self.touched.insert((at, number));
        true
    }

    fn bury(&mut self, queue: &Queue, entry: Entry, code: Code, message: &str) {
        let number = self.next();
        let letter = DeadLetter {
            id: entry.id,
            receipt: Receipt(number.to_string().into()),
            payload: entry.payload,
            deliveries: entry.deliveries,
            trace: entry.trace,
            code: code.name().to_owned(),
            message: message.to_owned(),
        };
        self.dead.insert(number, letter);
        while self.dead.len() as u64 > queue.max_dead() {
            self.dead.pop_first();
        }
    }

    /// Notes that the worker lives, and forgets those that are gone and have nothing.
    fn sweep(&mut self, queue: &Queue, worker: &WorkerId, now: Instant) {
        self.workers.insert(worker.clone(), now);
        if self.swept.is_some_and(|swept| swept + queue.idle() / 4 > now) {
            return;
        }
        self.swept = Some(now);
        let busy: HashSet<&WorkerId> = self.pending.values().map(|pending| &pending.worker).collect();
        self.workers.retain(|worker, seen| *seen + queue.idle() * 2 > now || busy.contains(worker));
    }
}
