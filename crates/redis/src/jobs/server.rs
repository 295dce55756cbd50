//! Queues on a server: a stream with one consumer group, and beside it what is late, dead or done before.
//!
//! | key | type | holds |
//! | --- | --- | --- |
//! | `{queue}:jobs` | stream, group `workers` | what waits and what is pending; acknowledged jobs are deleted |
//! | `{queue}:due` | sorted set | names of delayed jobs, by the server's time in ms |
//! | `{queue}:late` | hash | the delayed jobs themselves |
//! | `{queue}:dead` | stream | dead letters |
//! | `{queue}:swept` | string | that somebody looked for left jobs a moment ago |
//! | `{queue}:alone` | string | which worker is to have a job alone, or has it |
//! | `{queue}:once:{key}` | string | the name of the job that had this key |
//!
//! The braces put all of them into one slot of a cluster.

use std::time::Duration;

use bytes::Bytes;
use maily_errors::{Code, Result};
use tokio::time::{Instant, sleep_until};

use super::model::{self, CLAIM_BYTES};
use super::{
    ABANDONED, DeadLetter, Failure, Fate, Job, JobId, NewJob, Queue, Receipt, Stats, WorkerId, codec, script,
};
use crate::model::{Command, Key, Reply};
use crate::port::{DeadLetters, Jobs, Transport};
use crate::server::{ServerStore, milliseconds, reply};

/// The most jobs that a waiting read takes: it cannot stop at a number of bytes.
const BLOCKED_CLAIM: usize = 16;

/// How often a worker that is to have a job alone asks for it.
const ALONE: Duration = Duration::from_millis(20);

impl<T: Transport> Jobs for ServerStore<T> {
    async fn append(&self, queue: &Queue, job: NewJob) -> Result<JobId> {
        let operation = "redis::append";
        let job = job.checked()?;
        let stream = self.part(queue, "jobs")?;
        let trace = job.trace.map_or(Bytes::new(), |trace| trace.to_string().into());
        let reply = if job.key.is_none() && job.delay.is_zero() {
            let mut arguments = vec![word("XADD"), stream, word("*"), word("p"), job.payload];
            if !trace.is_empty() {
                arguments.extend([word("t"), trace]);
            }
            self.command(operation, arguments).await?
        } else {
            let window = job.key.as_ref().map_or(Bytes::new(), |_| milliseconds(queue.window()));
            // A script has a fixed number of keys; without a key of the job this one is not used.
            let once = job.key.map_or_else(|| Ok(stream.clone()), |key| self.once(queue, &key))?;
            let keys = [stream, self.part(queue, "due")?, self.part(queue, "late")?, once];
            let arguments = [job.payload, trace, milliseconds(job.delay), window];
            self.script(operation, &script::APPEND, &keys, &arguments).await?
        };
        codec::text(&reply).map(JobId)
    }

    async fn claim(&self, queue: &Queue, worker: &WorkerId, max: usize, wait: Duration) -> Result<Vec<Job>> {
        model::count("redis::claim", max)?;
        model::wait(wait)?;
        let deadline = Instant::now() + wait;
        loop {
            let claimed = self.take(queue, worker, max).await?;
            let asked = Instant::now();
            if !claimed.jobs.is_empty() || asked >= deadline {
                return Ok(claimed.jobs);
            }
            if claimed.closed {
                sleep_until((asked + ALONE).min(deadline)).await;
                continue;
            }
            let pause = claimed.next.unwrap_or(Duration::MAX).min(queue.precision()).min(deadline - asked);
            let reply = self.wait_for_entries(queue, worker, max, pause).await?;
            let elapsed_ms = u64::try_from(asked.elapsed().as_millis()).unwrap_or(u64::MAX);
            let jobs = codec::entries(reply, claimed.now_ms.saturating_add(elapsed_ms))?;
            if !jobs.is_empty() || Instant::now() >= deadline {
                return Ok(jobs);
            }
        }
    }

    async fn ack(&self, queue: &Queue, receipts: &[Receipt]) -> Result<usize> {
        let operation = "redis::ack";
        model::receipts(operation, receipts)?;
        if receipts.is_empty() {
            return Ok(0);
        }
        let reply =
            self.script(operation, &script::ACK, &[self.part(queue, "jobs")?], &words(receipts)).await?;
        found(&reply)
    }

    async fn extend(&self, queue: &Queue, worker: &WorkerId, receipts: &[Receipt]) -> Result<Vec<Receipt>> {
        let operation = "redis::extend";
        model::receipts(operation, receipts)?;
        let mut arguments = vec![name(worker.as_str())];
        arguments.extend(words(receipts));
        let keys = [self.part(queue, "jobs")?];
        codec::receipts(self.script(operation, &script::EXTEND, &keys, &arguments).await?)
    }

    async fn fail(
        &self,
        queue: &Queue,
        worker: &WorkerId,
        receipt: &Receipt,
        failure: Failure,
    ) -> Result<Fate> {
        let (what, after, code, message) = match failure.checked()? {
            Failure::Dead { code, message } => ("dead", Duration::ZERO, code.name(), message),
            Failure::HandBack => ("back", Duration::ZERO, "", ""),
            Failure::Retry { after, code, message } => ("retry", after, code.name(), message),
        };
        let arguments = [
            name(worker.as_str()),
            name(receipt.as_str()),
            word(what),
            milliseconds(after),
            word(code),
            word(message),
            decimal(u64::from(queue.max_deliveries())),
            decimal(queue.max_dead()),
        ];
        let reply = self.script("redis::fail", &script::FAIL, &self.parts(queue)?, &arguments).await?;
        Ok(match codec::number(&reply)? {
            0 => Fate::Lost,
            1 => Fate::Waits,
            _ => Fate::Dead,
        })
    }

    async fn stats(&self, queue: &Queue) -> Result<Stats> {
        let keys = [self.part(queue, "jobs")?, self.part(queue, "due")?, self.part(queue, "dead")?];
        codec::stats(self.script("redis::stats", &script::STATS, &keys, &[]).await?)
    }
}

impl<T: Transport> DeadLetters for ServerStore<T> {
    async fn dead(&self, queue: &Queue, after: Option<&Receipt>, max: usize) -> Result<Vec<DeadLetter>> {
        let operation = "redis::dead";
        model::count(operation, max)?;
        let first = after.map_or(word("-"), |receipt| format!("({receipt}").into());
        let arguments = [first, decimal(max as u64), decimal(CLAIM_BYTES as u64)];
        codec::letters(self.script(operation, &script::DEAD, &[self.part(queue, "dead")?], &arguments).await?)
    }

    async fn requeue(&self, queue: &Queue, receipts: &[Receipt]) -> Result<usize> {
        let operation = "redis::requeue";
        model::receipts(operation, receipts)?;
        let keys = [self.part(queue, "jobs")?, self.part(queue, "dead")?];
        found(&self.script(operation, &script::REQUEUE, &keys, &words(receipts)).await?)
    }

    async fn discard(&self, queue: &Queue, receipts: &[Receipt]) -> Result<usize> {
        let operation = "redis::discard";
        model::receipts(operation, receipts)?;
        if receipts.is_empty() {
            return Ok(0);
        }
        let mut arguments = vec![word("XDEL"), self.part(queue, "dead")?];
        arguments.extend(words(receipts));
        found(&self.command(operation, arguments).await?)
    }
}

impl<T: Transport> ServerStore<T> {
    /// Moves, reclaims and reads in one round trip, without waiting.
    async fn take(&self, queue: &Queue, worker: &WorkerId, max: usize) -> Result<codec::Claimed> {
        let arguments = [
            name(worker.as_str()),
            decimal(max as u64),
            decimal(CLAIM_BYTES as u64),
            milliseconds(queue.idle()),
            decimal(u64::from(queue.max_deliveries())),
            decimal(queue.max_dead()),
            word(Code::RedisJobAbandoned.name()),
            word(ABANDONED),
        ];
        codec::claimed(self.script("redis::claim", &script::CLAIM, &self.parts(queue)?, &arguments).await?)
    }

    /// Waits for new entries, on a connection that may wait.
    async fn wait_for_entries(
        &self,
        queue: &Queue,
        worker: &WorkerId,
        max: usize,
        pause: Duration,
    ) -> Result<Reply> {
        let arguments = vec![
            word("XREADGROUP"),
            word("GROUP"),
            word("workers"),
            name(worker.as_str()),
            word("COUNT"),
            decimal(max.min(BLOCKED_CLAIM) as u64),
            word("BLOCK"),
            // Zero would wait for ever.
            milliseconds(pause.max(Duration::from_millis(1))),
            word("STREAMS"),
            self.part(queue, "jobs")?,
            word(">"),
        ];
        let deadline = Instant::now() + pause + self.timeout();
        let reply = self.call(Command::new(arguments, deadline).with_key(9).with_blocking()).await?;
        // The data was flushed: the next run of the script makes the group again.
        let gone = matches!(&reply, Reply::Refused { code, .. } if code == "NOGROUP" || code == "UNBLOCKED");
        if gone { Ok(Reply::Nil) } else { reply::accepted("redis::claim", reply) }
    }

    fn part(&self, queue: &Queue, part: &str) -> Result<Bytes> {
        self.key(&Key::new(format!("{{{}}}:{part}", queue.name()))?)
    }

    fn parts(&self, queue: &Queue) -> Result<[Bytes; 6]> {
        let part = |name| self.part(queue, name);
        Ok([part("jobs")?, part("due")?, part("late")?, part("dead")?, part("swept")?, part("alone")?])
    }

    fn once(&self, queue: &Queue, key: &Bytes) -> Result<Bytes> {
        let mut name = format!("{{{}}}:once:", queue.name()).into_bytes();
        name.extend_from_slice(key);
        self.key(&Key::new(name)?)
    }
}

const fn word(text: &'static str) -> Bytes {
    Bytes::from_static(text.as_bytes())
}

fn name(text: &str) -> Bytes {
    Bytes::copy_from_slice(text.as_bytes())
}

fn words(receipts: &[Receipt]) -> Vec<Bytes> {
    receipts.iter().map(|receipt| name(receipt.as_str())).collect()
}

fn decimal(number: u64) -> Bytes {
    number.to_string().into()
}

fn found(reply: &Reply) -> Result<usize> {
    Ok(usize::try_from(codec::number(reply)?).unwrap_or(0))
}
