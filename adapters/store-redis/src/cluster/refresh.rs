//! The task that keeps the map.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use maily_errors::{Code, Error, Result};
use maily_redis::{Command, Reply};
use parking_lot::Mutex;
use rand::seq::SliceRandom as _;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout, timeout_at};

use super::Shared;
use super::member::Member;
use super::plan::Plan;
use super::view::View;
use crate::error::{self, Failure};

/// The looks at the cluster: what was asked for and what is done.
#[derive(Debug, Default)]
pub(super) struct Rounds {
    /// How often a look was asked for.
    asked: AtomicU64,
    /// Which of those the last look has answered.
    done: watch::Sender<u64>,
    task: Mutex<Option<Task>>,
    /// Why the last look found nothing.
    trouble: Mutex<Option<Failure>>,
}

#[derive(Debug)]
struct Task {
    tell: mpsc::Sender<()>,
    handle: JoinHandle<()>,
}

impl Shared {
    /// Asks for a look at the cluster, soon.
    pub(super) fn refresh(&self) -> u64 {
        let ticket = self.rounds.asked.fetch_add(1, Ordering::AcqRel) + 1;
        let mut task = self.rounds.task.lock();
        // With its runtime the task ends; another runtime begins another one. Outside of any, the first call does.
        let ended = task.as_ref().is_none_or(|task| task.handle.is_finished());
        if ended && Handle::try_current().is_ok() {
            let (tell, told) = mpsc::channel(1);
            *task = Some(Task { tell, handle: tokio::spawn(keep(self.this.clone(), told)) });
        }
        if let Some(task) = task.as_ref() {
            // Full: a look that begins after this is due already.
            task.tell.try_send(()).ok();
        }
        ticket
    }

    /// Waits for a look that begins after this call.
    ///
    /// # Errors
    ///
    /// [`Code::Timeout`] at the deadline.
    pub(super) async fn refreshed(&self, deadline: Instant) -> Result<()> {
        let mut done = self.rounds.done.subscribe();
        let ticket = self.refresh();
        let found = timeout_at(deadline, done.wait_for(|done| *done >= ticket)).await;
        found.map(drop).map_err(|_| error::timeout())
    }

    /// Returns why nothing is known of the cluster.
    pub(super) fn trouble(&self) -> Error {
        let trouble = self.rounds.trouble.lock();
        trouble
            .as_ref()
            .map_or_else(|| error::no_master("the nodes of the cluster serve no slots"), Failure::error)
    }

    /// Looks once; returns whether everything is well.
    async fn look(&self) -> bool {
        let mut members: Vec<_> = self.map.read().members().cloned().collect();
        members.shuffle(&mut rand::rng());
        // Those that are suspected are asked too: an answer clears them.
        members.sort_by_key(|member| member.is_suspected());
        members.truncate(MAX_ASKED);
        let mut views = self.ask(members).await;
        if views.is_empty() {
            views = self.ask(self.seeds.iter().map(|seed| self.member(seed)).collect()).await;
        }
        let oldest = self.map.read().oldest_news();
        views.retain(|view| view.newest() >= oldest);
        if views.is_empty() {
            return false;
        }
        let known = self.map.read().aliases().clone();
        let plan = Plan::of(&views, &known);
        self.apply(&plan);
        let map = self.map.read();
        plan.is_whole() && !map.owners().iter().any(|owner| owner.member.is_suspected())
    }

    /// Asks nodes for their view. When one has answered, the others have little time, as one of them may hang; those
    /// that are suspected to have nearly none.
    async fn ask(&self, members: Vec<Arc<Member>>) -> Vec<View> {
        let deadline = Instant::now() + LIMIT;
        let prefers_names = self.options.connect.tls.is_some();
        let question = ["CLUSTER", "NODES"].map(|word| Bytes::from_static(word.as_bytes()));
        let mut trusted = members.iter().filter(|member| !member.is_suspected()).count();
        let mut calls: FuturesUnordered<_> = members
            .into_iter()
            .map(|member| {
                let was_suspected = member.is_suspected();
                let call = member.node.link().call(Command::new(question.clone(), deadline));
                async move { (call.await, member, was_suspected) }
            })
            .collect();
        let (mut views, mut trouble, mut until) = (Vec::new(), None, deadline);
        while let Ok(Some((outcome, member, was_suspected))) = timeout_at(until, calls.next()).await {
            member.suspect(outcome.is_err());
            trusted = trusted.saturating_sub(usize::from(!was_suspected));
            match outcome {
                Ok(Reply::Data(text)) => {
                    let text = String::from_utf8_lossy(&text);
                    views.push(View::read(&text, &member.address, prefers_names));
                    until = until.min(Instant::now() + if trusted > 0 { GRACE } else { SHORT_GRACE });
                }
                Ok(Reply::Refused { code, message }) => trouble = Some(refusal(&code, &message)),
                Ok(_) => trouble = Some(error::no_master("the node's view of the cluster cannot be read")),
                Err(err) => trouble = Some(err),
            }
        }
        if !calls.is_empty() && trouble.as_ref().is_none_or(error::is_away) {
            // Some are away, and those that have not answered yet still may.
            trouble = Some(error::timeout());
        }
        if let Some(err) = trouble {
            *self.rounds.trouble.lock() = Some(Failure::of(&err));
        }
        views
    }
}

impl Drop for Rounds {
    fn drop(&mut self) {
        if let Some(task) = self.task.get_mut().take() {
            task.handle.abort();
        }
    }
}

fn refusal(code: &str, message: &str) -> Error {
    if message.contains("cluster support disabled") {
        return Error::new(Code::RedisProtocol, "the URL is one for a cluster, and the server is in none")
            .with_operation("store_redis::topology");
    }
    error::refused(code, message)
}

/// Looks when it is told to, and now and then by itself, as long as anybody needs the cluster.
async fn keep(shared: Weak<Shared>, mut told: mpsc::Receiver<()>) {
    let mut pause = Duration::ZERO;
    let mut failures = 0_u32;
    loop {
        if let Ok(None) = timeout(pause, told.recv()).await {
            return;
        }
        let Some(shared) = shared.upgrade() else { return };
        let asked = shared.rounds.asked.load(Ordering::Acquire);
        let mut well = shared.look().await;
        for follower in shared.followers() {
            well &= follower.follow();
        }
        shared.rounds.done.send_replace(asked);
        drop(shared);
        failures = if well { 0 } else { failures.saturating_add(1) };
        pause = match failures {
            0 => REST,
            1..MANY => RETRY,
            _ => SLOW,
        };
        // Many calls that fail at once are one reason to look.
        sleep(GAP).await;
    }
}

/// The most nodes that are asked at one time.
const MAX_ASKED: usize = 8;
/// How long all of them together may take.
const LIMIT: Duration = Duration::from_secs(1);
/// How long the others may take once one has answered.
const GRACE: Duration = Duration::from_millis(100);
/// The same when only suspected ones are left.
const SHORT_GRACE: Duration = Duration::from_millis(20);
/// How long after a look that found everything well the next one comes by itself.
const REST: Duration = Duration::from_secs(10);
/// The same while something is wrong.
const RETRY: Duration = Duration::from_millis(50);
/// The same when it has been wrong so many looks long that no failover will mend it.
const SLOW: Duration = Duration::from_secs(1);
const MANY: u32 = 600;
/// The least time between two looks.
const GAP: Duration = Duration::from_millis(10);
