//! One queue, and what happens to its jobs.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::time::Duration;

use bytes::Bytes;
use maily_errors::{Code, Error, Public, Result, TraceContext};

use super::super::model::CLAIM_BYTES;
use super::super::{
    ABANDONED, DeadLetter, Failure, Fate, Job, JobId, NewJob, Queue, Receipt, Stats, WorkerId,
};
use super::rows::{Place, Rows};
use crate::memory::Moment;

/// How often a worker that is to have a job alone asks for it.
const ALONE: Duration = Duration::from_millis(20);

/// What is in a queue. Every method is one change; the caller holds the lock.
///
/// What is noted in [`Rows`] outlives the process; the last three fields do not: the workers end with it.
#[derive(Debug)]
pub(super) struct State {
    /// The number that the last job or delivery got: at least the time, so that none is given again after a restart.
    pub(super) last: u64,
    pub(super) waiting: VecDeque<(u64, Entry)>,
    pub(super) delayed: BTreeMap<(Moment, u64), Entry>,
    pub(super) pending: HashMap<u64, Pending>,
    /// When each pending job was last touched; `None` if it was handed back.
    pub(super) touched: BTreeSet<(Option<Moment>, u64)>,
    pub(super) dead: BTreeMap<u64, Dead>,
    /// Which job a key stands for.
    pub(super) keys: HashMap<Bytes, u64>,
    /// Which key ends, by when.
    pub(super) ends: BTreeSet<(Moment, Bytes)>,
    pub(super) rows: Rows,
    pub(super) workers: HashMap<WorkerId, Moment>,
    /// When the workers that are gone were last looked for.
    swept: Option<Moment>,
    alone: Option<Alone>,
}

/// Whose turn it is to have a job alone.
#[derive(Debug)]
struct Alone {
    worker: WorkerId,
    /// When it loses its turn: it says nothing, or is long in coming to an end with what else it has.
    ends: Moment,
    /// Whether it has the job.
    has: bool,
}

#[derive(Debug, Eq, PartialEq)]
pub(super) struct Entry {
    /// The number in its name.
    pub(super) id: u64,
    pub(super) payload: Bytes,
    pub(super) trace: Option<TraceContext>,
    pub(super) deliveries: u32,
    pub(super) appended: Moment,
}

#[derive(Debug, Eq, PartialEq)]
pub(super) struct Pending {
    pub(super) entry: Entry,
    pub(super) worker: WorkerId,
    pub(super) touched: Option<Moment>,
}

#[derive(Debug, Eq, PartialEq)]
pub(super) struct Dead {
    pub(super) entry: Entry,
    pub(super) code: String,
    pub(super) message: String,
}

/// What becomes of a job that its worker left.
enum Left {
    Dead,
    Job,
    Suspect,
}

impl State {
    /// Creates a queue without jobs, whose numbers are greater than `last`.
    pub(super) fn new(last: u64, rows: Rows) -> Self {
        Self {
            last,
            waiting: VecDeque::new(),
            delayed: BTreeMap::new(),
            pending: HashMap::new(),
            touched: BTreeSet::new(),
            dead: BTreeMap::new(),
            keys: HashMap::new(),
            ends: BTreeSet::new(),
            rows,
            workers: HashMap::new(),
            swept: None,
            alone: None,
        }
    }

    /// Adds a job, unless its key is there.
    pub(super) fn append(&mut self, queue: &Queue, job: NewJob, limit: usize, now: Moment) -> Result<JobId> {
        while self.ends.first().is_some_and(|(ends, _)| *ends <= now) {
            if let Some((_, key)) = self.ends.pop_first() {
                self.keys.remove(&key);
                self.rows.no_key(&key);
            }
        }
        if let Some(id) = job.key.as_ref().and_then(|key| self.keys.get(key)) {
            return Ok(name(*id));
        }
        let jobs = self.waiting.len() + self.delayed.len() + self.pending.len();
        if jobs.max(self.keys.len()) >= limit {
            return Err(Error::new(Code::RedisStoreFull, "the queue in memory is full")
                .with_operation("redis::append")
                .with_context("limit", Public(limit)));
        }
        let id = self.next(now);
        if let Some(key) = job.key {
            let ends = now + queue.window();
            self.rows.key(&key, id, ends);
            self.ends.insert((ends, key.clone()));
            self.keys.insert(key, id);
        }
        let entry = Entry { id, payload: job.payload, trace: job.trace, deliveries: 0, appended: now };
        self.rows.job(&entry);
        self.due(id, entry, job.delay, now);
        Ok(name(id))
    }

    /// Hands out what somebody left, then what became due, then what is new. Says when there may be more.
    pub(super) fn take(
        &mut self,
        queue: &Queue,
        worker: &WorkerId,
        max: usize,
        now: Moment,
    ) -> (Vec<Job>, Option<Moment>) {
        self.sweep(queue, worker, now);
        while self.delayed.first_key_value().is_some_and(|((due, _), _)| *due <= now) {
            if let Some((_, entry)) = self.delayed.pop_first() {
                let number = self.next(now);
                self.wait(number, entry);
            }
        }
        let (mut jobs, mut bytes) = (Vec::new(), 0);
        if self.is_closed(queue, worker, now) {
            return (jobs, Some(now + ALONE));
        }
        while jobs.len() < max && bytes < CLAIM_BYTES {
            let Some((number, entry)) = self.next_job(queue, worker, now) else { break };
            bytes += entry.payload.len();
            jobs.push(self.deliver(number, entry, worker, now));
            if let Some(alone) = self.alone.as_mut().filter(|alone| alone.worker == *worker) {
                alone.has = true;
                break;
            }
        }
        let due = self.delayed.first_key_value().map(|((due, _), _)| *due);
        let left = self.touched.first().map(|(touched, _)| touched.map_or(now, |at| at + queue.idle()));
        // What was left and not handed out is for another worker.
        let left = left.map(|left| if left <= now { now + ALONE } else { left });
        (jobs, due.into_iter().chain(left).min())
    }

    /// Returns the next job to hand out, and buries those that were handed out too often.
    ///
    /// A job before its last delivery, which nobody answered, may be what ended its workers. It goes to a worker that
    /// has nothing else, so that no other job ends with it.
    fn next_job(&mut self, queue: &Queue, worker: &WorkerId, now: Moment) -> Option<(u64, Entry)> {
        while let Some((number, left)) = self.next_left(queue, worker, now) {
            match left {
                Left::Dead => {
                    let entry = self.release(number)?;
                    self.bury(queue, entry, Code::RedisJobAbandoned, ABANDONED, now);
                }
                Left::Suspect if !self.is_alone(worker) => {
                    let ends = now + queue.idle();
                    self.alone = Some(Alone { worker: worker.clone(), ends, has: false });
                    if self.is_closed(queue, worker, now) {
                        return None;
                    }
                }
                Left::Job | Left::Suspect => return self.release(number).map(|entry| (number, entry)),
            }
        }
        self.alone.take_if(|alone| alone.worker == *worker);
        self.waiting.pop_front()
    }

    /// Returns the first job that somebody left and that this worker may have.
    fn next_left(&self, queue: &Queue, worker: &WorkerId, now: Moment) -> Option<(u64, Left)> {
        let left = self.touched.iter().take_while(|(at, _)| at.is_none_or(|at| at + queue.idle() <= now));
        left.copied().find_map(|(touched, number)| {
            let deliveries = self.pending.get(&number)?.entry.deliveries;
            if deliveries >= queue.max_deliveries() {
                Some((number, Left::Dead))
            } else if touched.is_some() && deliveries + 1 == queue.max_deliveries() {
                let may = self.alone.as_ref().is_none_or(|alone| {
                    alone.worker == *worker || (!alone.has && !self.is_busy(queue, worker, now))
                });
                may.then_some((number, Left::Suspect))
            } else {
                (!self.is_alone(worker)).then_some((number, Left::Job))
            }
        })
    }

    fn is_alone(&self, worker: &WorkerId) -> bool {
        self.alone.as_ref().is_some_and(|alone| alone.worker == *worker)
    }

    /// Returns whether the worker is to have a job alone and still has others, or has it.
    fn is_closed(&mut self, queue: &Queue, worker: &WorkerId, now: Moment) -> bool {
        self.alone.take_if(|alone| alone.ends <= now);
        let busy = self.is_alone(worker) && self.is_busy(queue, worker, now);
        if let Some(alone) = self.alone.as_mut().filter(|alone| busy && alone.has && alone.worker == *worker)
        {
            alone.ends = now + queue.idle();
        }
        busy
    }

    /// Returns whether a worker has a job; what it left itself does not count.
    fn is_busy(&self, queue: &Queue, worker: &WorkerId, now: Moment) -> bool {
        let has = |pending: &Pending| pending.touched.is_some_and(|at| at + queue.idle() > now);
        self.pending.values().any(|pending| pending.worker == *worker && has(pending))
    }

    fn deliver(&mut self, number: u64, mut entry: Entry, worker: &WorkerId, now: Moment) -> Job {
        entry.deliveries += 1;
        let job = Job {
            id: name(entry.id),
            receipt: receipt(number),
            payload: entry.payload.clone(),
            deliveries: entry.deliveries,
            age: now - entry.appended,
            trace: entry.trace,
        };
        self.rows.place(number, &entry, Place::Pending { worker, touched: Some(now) });
        self.touched.insert((Some(now), number));
        self.pending.insert(number, Pending { entry, worker: worker.clone(), touched: Some(now) });
        job
    }

    /// Forgets a job that is done; returns whether it was there.
    pub(super) fn done(&mut self, number: u64) -> bool {
        let entry = self.release(number);
        entry.inspect(|entry| self.rows.no_job(entry.id)).is_some()
    }

    /// Does with a job that was not done what the failure says.
    pub(super) fn fail(
        &mut self,
        queue: &Queue,
        worker: &WorkerId,
        number: u64,
        failure: Failure,
        now: Moment,
    ) -> Fate {
        if matches!(failure, Failure::HandBack) {
            return if self.touch(number, worker, None) { Fate::Waits } else { Fate::Lost };
        }
        if self.pending.get(&number).is_none_or(|pending| pending.worker != *worker) {
            return Fate::Lost;
        }
        let Some(entry) = self.release(number) else { return Fate::Lost };
        match failure {
            Failure::Retry { after, .. } if entry.deliveries < queue.max_deliveries() => {
                let number = self.next(now);
                self.due(number, entry, after, now);
                Fate::Waits
            }
            Failure::Dead { code, message } | Failure::Retry { code, message, .. } => {
                self.bury(queue, entry, code, message, now);
                Fate::Dead
            }
            Failure::HandBack => Fate::Waits,
        }
    }

    pub(super) fn stats(&self, now: Moment) -> Stats {
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

    /// Returns dead letters from a number on, as many as fit.
    pub(super) fn letters(&self, first: u64, max: usize) -> Vec<DeadLetter> {
        let letter = |(number, dead): (&u64, &Dead)| DeadLetter {
            id: name(dead.entry.id),
            receipt: receipt(*number),
            payload: dead.entry.payload.clone(),
            deliveries: dead.entry.deliveries,
            trace: dead.entry.trace,
            code: dead.code.clone(),
            message: dead.message.clone(),
        };
        let mut bytes = 0;
        let fits = |(_, dead): &(&u64, &Dead)| {
            let fits = bytes < CLAIM_BYTES;
            bytes += dead.entry.payload.len();
            fits
        };
        self.dead.range(first..).take(max).take_while(fits).map(letter).collect()
    }

    /// Lets a dead letter begin again; returns whether it was there.
    pub(super) fn requeue(&mut self, number: u64, now: Moment) -> bool {
        let Some(Dead { entry, .. }) = self.dead.remove(&number) else { return false };
        let number = self.next(now);
        self.wait(number, Entry { deliveries: 0, appended: now, ..entry });
        true
    }

    /// Throws a dead letter away; returns whether it was there.
    pub(super) fn discard(&mut self, number: u64) -> bool {
        self.dead.remove(&number).inspect(|dead| self.rows.no_job(dead.entry.id)).is_some()
    }

    fn next(&mut self, now: Moment) -> u64 {
        self.last = (self.last + 1).max(now.0);
        self.last
    }

    fn wait(&mut self, number: u64, entry: Entry) {
        self.rows.place(number, &entry, Place::Waiting);
        self.waiting.push_back((number, entry));
    }

    fn due(&mut self, number: u64, entry: Entry, delay: Duration, now: Moment) {
        if delay.is_zero() {
            return self.wait(number, entry);
        }
        let due = now + delay;
        self.rows.place(number, &entry, Place::Delayed { due });
        self.delayed.insert((due, number), entry);
    }

    /// Takes a pending job away from its worker.
    fn release(&mut self, number: u64) -> Option<Entry> {
        let pending = self.pending.remove(&number)?;
        self.touched.remove(&(pending.touched, number));
        Some(pending.entry)
    }

    /// Sets when a job of this worker was last touched; returns whether it has the job. `None` hands it back: it was
    /// not delivered.
    pub(super) fn touch(&mut self, number: u64, worker: &WorkerId, at: Option<Moment>) -> bool {
        let Some(pending) = self.pending.get_mut(&number).filter(|pending| pending.worker == *worker) else {
            return false;
        };
        self.touched.remove(&(pending.touched, number));
        // Once: who did not hear the answer hands it back again.
        if at.is_none() && pending.touched.is_some() {
            pending.entry.deliveries = pending.entry.deliveries.saturating_sub(1);
        }
        pending.touched = at;
        self.rows.place(number, &pending.entry, Place::Pending { worker, touched: at });
        self.touched.insert((at, number));
        true
    }

    fn bury(&mut self, queue: &Queue, entry: Entry, code: Code, message: &str, now: Moment) {
        let number = self.next(now);
        let dead = Dead { entry, code: code.name().to_owned(), message: message.to_owned() };
        self.rows.place(number, &dead.entry, Place::Dead { code: &dead.code, message });
        self.dead.insert(number, dead);
        while self.dead.len() as u64 > queue.max_dead() {
            let over = self.dead.pop_first();
            over.inspect(|(_, dead)| self.rows.no_job(dead.entry.id));
        }
    }

    /// Notes that the worker lives, and forgets those that are gone and have nothing.
    fn sweep(&mut self, queue: &Queue, worker: &WorkerId, now: Moment) {
        self.workers.insert(worker.clone(), now);
        if self.swept.is_some_and(|swept| swept + queue.idle() / 4 > now) {
            return;
        }
        self.swept = Some(now);
        let busy: HashSet<&WorkerId> = self.pending.values().map(|pending| &pending.worker).collect();
        self.workers.retain(|worker, seen| *seen + queue.idle() * 2 > now || busy.contains(worker));
    }
}

fn name(id: u64) -> JobId {
    JobId(id.to_string().into())
}

fn receipt(number: u64) -> Receipt {
    Receipt(number.to_string().into())
}
