//! The master that sentinels name, and the move to another one as soon as they name it.
//!
//! All sentinels are asked at once, and each is heard by itself. What they say is compared by the epoch of the
//! failover that it stems from: a newer one is believed at once, an older one than was ever connected to only when most
//! sentinels have named it for half a minute. The server must then say of itself that it is a master.
//!
//! Source: the Sentinel client guidelines, <https://redis.io/docs/latest/develop/reference/sentinel-clients/>. They ask
//! one sentinel after the other and believe the first answer; here an epoch comes with it, so that a sentinel that was
//! cut off does no harm.

mod answer;

use std::fmt;
use std::sync::{Arc, Weak};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::{BoxFuture, FutureExt as _};
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use maily_errors::{Code, Error, Result};
use maily_redis::{Command, Event, Reply};
use parking_lot::Mutex;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};

use self::answer::{Answer, Doubt, choose, name_older};
use crate::error::{self, no_master};
use crate::link::{Constant, Hello, Link, LinkOptions, Resolve, Said, Target, WeakLink};
use crate::stream::{Address, Connect};

/// Finds the master by its name.
pub(crate) struct Sentinels {
    /// This, for what must not keep it alive.
    this: Weak<Self>,
    name: String,
    addresses: Vec<Address>,
    connect: Arc<Connect>,
    silence: Duration,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// One connection to each sentinel: it asks, and hears of failovers.
    sentinels: Vec<Link>,
    /// Moves the links when a sentinel says that something happened.
    follower: Option<JoinHandle<()>>,
    /// The newest master that was connected to, and since when the sentinels name something older.
    known: Option<Known>,
    /// What was tried in vain, and when.
    refused: Vec<(Target, Instant)>,
    links: Vec<WeakLink>,
}

#[derive(Clone)]
struct Known {
    target: Target,
    doubt: Option<Doubt>,
}

impl Sentinels {
    /// Creates the resolver; asks nobody yet.
    pub(crate) fn new(
        name: String,
        addresses: Vec<Address>,
        connect: Connect,
        silence: Duration,
    ) -> Arc<Self> {
        Arc::new_cyclic(|this| Self {
            this: Weak::clone(this),
            name,
            addresses,
            connect: Arc::new(connect),
            silence,
            state: Mutex::default(),
        })
    }

    /// Asks all sentinels, and returns whom to believe.
    async fn ask(&self) -> Result<Target> {
        let deadline = Instant::now() + LIMIT;
        let question = ["SENTINEL", "MASTER", &self.name].map(|word| Bytes::copy_from_slice(word.as_bytes()));
        let mut calls: FuturesUnordered<_> = self
            .sentinels()
            .iter()
            .map(|sentinel| sentinel.call(Command::new(question.clone(), deadline)))
            .collect();
        let known = self.known();
        let refused = self.refused();
        let mut answers = Vec::new();
        let mut until = deadline;
        let mut last = None;
        while let Ok(Some(outcome)) = timeout_at(until, calls.next()).await {
            match outcome.map(|reply| (Answer::read(&reply), reply)) {
                Ok((Some(answer), _)) => {
                    let target = &answer.target;
                    // It was voted for after what is known: nobody can know better, and it must be soon.
                    if known.as_ref().is_some_and(|known| target.epoch > known.epoch)
                        && !refused.contains(target)
                    {
                        return Ok(answer.target);
                    }
                    answers.push(answer);
                    // The others have no more than this to contradict: one of them may hang.
                    until = until.min(Instant::now() + GRACE);
                }
                Ok((None, reply)) => last = Some(refusal(reply)),
                Err(err) => last = Some(err),
            }
        }
        if !calls.is_empty() && last.as_ref().is_none_or(error::is_away) {
            // Some are away, and those that have not answered yet still may.
            last = Some(error::timeout());
        }
        let known = self.weigh(&answers);
        match (choose(&answers, known.as_ref(), &refused), known) {
            (Some(target), _) => Ok(target),
            (None, Some(known)) if answers.is_empty() && last.as_ref().is_none_or(Error::is_temporary) => {
                // Nobody is there who could have named another one.
                Ok(known)
            }
            (None, _) if answers.is_empty() => Err(last.unwrap_or_else(error::timeout)),
            _ => Err(no_master("the sentinels know only an old master")),
        }
    }

    /// Returns the connections to the sentinels, made with the first question: that is within a runtime.
    fn sentinels(&self) -> Vec<Link> {
        let mut state = self.state.lock();
        if state.follower.as_ref().is_none_or(JoinHandle::is_finished) {
            let (tell, told) = mpsc::channel(1);
            state.follower = Some(tokio::spawn(follow(Weak::clone(&self.this), told)));
            state.sentinels = self.addresses.iter().map(|address| self.sentinel(address, &tell)).collect();
        }
        state.sentinels.clone()
    }

    fn sentinel(&self, address: &Address, tell: &mpsc::Sender<()>) -> Link {
        let tell = tell.clone();
        let hears = move |said| {
            // Whoever listens again may have missed something. A full channel means that somebody looks anyway.
            if matches!(said, Said::Event(Event::Listening | Event::Message { .. })) {
                tell.try_send(()).ok();
            }
        };
        let options = LinkOptions {
            connect: Arc::clone(&self.connect),
            silence: Some(self.silence),
            busy_poll: Duration::ZERO,
            listener: Some(Arc::new(hears)),
            greeting: Some(Arc::new(|| {
                vec![[b"SUBSCRIBE".as_slice(), b"+switch-master"].map(Bytes::from_static).into()]
            })),
        };
        Link::new(Arc::new(Constant(address.clone())), options)
    }

    /// Moves the links if the sentinels know a newer master than they have.
    async fn look(&self) {
        let Ok(target) = self.ask().await else { return };
        let mut state = self.state.lock();
        // Before the first connection there is nothing to move, and the attempt asks for itself.
        if state.known.as_ref().is_some_and(|known| known.target != target) {
            state.links.retain(WeakLink::renew);
        }
    }

    fn known(&self) -> Option<Target> {
        self.state.lock().known.as_ref().map(|known| known.target.clone())
    }

    /// Notes what the answers mean for what is known; returns it.
    fn weigh(&self, answers: &[Answer]) -> Option<Target> {
        let mut state = self.state.lock();
        let known = state.known.as_mut()?;
        if name_older(answers, self.addresses.len(), &known.target) {
            let doubt = Doubt::go_on(known.doubt);
            known.doubt = Some(doubt);
            if doubt.is_certain() {
                known.target.epoch = 0;
            }
        } else if !answers.is_empty() {
            known.doubt = None;
        }
        Some(known.target.clone())
    }

    fn refused(&self) -> Vec<Target> {
        let mut state = self.state.lock();
        state.refused.retain(|(_, at)| at.elapsed() < FORGET);
        state.refused.iter().map(|(target, _)| target.clone()).collect()
    }
}

impl Resolve for Sentinels {
    fn resolve(&self) -> BoxFuture<'_, Result<Target>> {
        let resolve = async {
            loop {
                match self.ask().await {
                    // The attempt has more time than one question.
                    Err(err) if err.code() == Code::Timeout => {}
                    outcome => return outcome,
                }
            }
        };
        resolve.boxed()
    }

    fn accept(&self, target: &Target, hello: &Hello) -> Result<()> {
        if hello.role != "master" {
            return Err(no_master("the server that the sentinels name is a replica"));
        }
        let mut state = self.state.lock();
        if state.known.as_ref().is_some_and(|known| known.target.epoch > target.epoch) {
            return Err(no_master("there is a newer master than the one that was connected to"));
        }
        state.refused.retain(|(refused, _)| refused != target);
        state.known = Some(Known { target: target.clone(), doubt: None });
        Ok(())
    }

    fn failed(&self, target: &Target) {
        let mut state = self.state.lock();
        state.refused.retain(|(refused, _)| refused != target);
        state.refused.push((target.clone(), Instant::now()));
    }

    fn is_misled(&self, code: &str) -> bool {
        // It was a master once.
        code == "READONLY"
    }

    fn attach(&self, link: WeakLink) {
        let mut state = self.state.lock();
        state.links.retain(WeakLink::is_owned);
        state.links.push(link);
    }
}

impl Drop for Sentinels {
    fn drop(&mut self) {
        if let Some(follower) = self.state.get_mut().follower.take() {
            follower.abort();
        }
    }
}

impl fmt::Debug for Sentinels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sentinels").field("addresses", &self.addresses).finish_non_exhaustive()
    }
}

/// Looks whenever a sentinel says something, as long as anybody needs it.
async fn follow(sentinels: Weak<Sentinels>, mut told: mpsc::Receiver<()>) {
    while told.recv().await.is_some() {
        let Some(sentinels) = sentinels.upgrade() else { return };
        sentinels.look().await;
    }
}

fn refusal(reply: Reply) -> Error {
    match reply {
        Reply::Refused { code, message } if code == "ERR" && message.starts_with("unknown command") => {
            Error::new(Code::RedisProtocol, "the URL is one for sentinels, and the server is none")
                .with_operation("store_redis::topology")
        }
        Reply::Refused { code, message } if code == "ERR" => {
            no_master("the sentinels do not know a master of this name").with_context("message", message)
        }
        Reply::Refused { code, message } => error::refused(&code, &message),
        _ => no_master("the sentinel's answer cannot be read"),
    }
}

/// How long all sentinels together may take.
const LIMIT: Duration = Duration::from_secs(1);
/// How long the others may take once one has answered.
const GRACE: Duration = Duration::from_millis(200);
/// How long a target that was tried in vain is the last choice.
const FORGET: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests;
