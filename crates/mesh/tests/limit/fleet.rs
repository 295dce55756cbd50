//! Instances of a mesh that share the limits of one key, and callers who ask all the time.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};
use maily_errors::{Code, Result};
use maily_mesh::account::{GossipAccounts, Per, Window};
use maily_mesh::layer::limit::{Keys, LimitLayer};
use maily_mesh::membership::{Event, InstanceName, Membership, Peer, Shared};
use maily_mesh::memory::LocalAccounts;
use maily_mesh::{Body, Clock, Completion, Gossip, KeyConfig, PriceConfig, Prompt};
use parking_lot::Mutex;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tower::{Layer, ServiceExt, service_fn};

use crate::network::{Network, name};

/// The time at which every simulation begins: ten seconds before a minute ends.
pub(crate) const BEGIN: Duration = Duration::from_secs(1_709_208_050);
const STEP: Duration = Duration::from_millis(50);

/// An instance's view of the simulated network.
struct Link {
    network: Arc<Mutex<Network>>,
    at: usize,
}

impl Link {
    fn with<T>(&self, default: T, look: impl FnOnce(&mut Membership) -> T) -> T {
        self.network.lock().instances[self.at].as_mut().map_or(default, look)
    }
}

impl Gossip for Link {
    fn name(&self) -> InstanceName {
        name(self.at).into()
    }

    fn peers(&self) -> Vec<Peer> {
        self.with(Vec::new(), |it| it.peers().collect())
    }

    fn publish(&self, key: &str, value: Bytes) -> Result<()> {
        self.with(Ok(()), |it| it.publish(key, value))
    }

    fn withdraw(&self, key: &str) -> bool {
        self.with(false, |it| it.withdraw(key))
    }

    fn view(&self, key: &str) -> Vec<Shared> {
        self.with(Vec::new(), |it| it.view(key).collect())
    }

    fn scan(&self, prefix: &str) -> Vec<(Arc<str>, Shared)> {
        self.with(Vec::new(), |it| it.scan(prefix).collect())
    }

    fn events(&self) -> BoxStream<'static, Event> {
        // The pace of the accounts alone must do.
        stream::pending().boxed()
    }
}

/// What the nodes say that was spent, which the instances must not exceed.
#[derive(Debug, Default)]
pub(crate) struct Truth {
    pub(crate) micros: u64,
    /// By how much answers took more than was reserved for them, all in all.
    pub(crate) excess: u64,
    pub(crate) answered: usize,
    pub(crate) refused: BTreeMap<&'static str, usize>,
    /// Prompts that were let in, by the minute of the clock of who let them in.
    pub(crate) minutes: BTreeMap<u32, u64>,
}

pub(crate) struct Fleet {
    pub(crate) network: Arc<Mutex<Network>>,
    pub(crate) truth: Arc<Mutex<Truth>>,
    pub(crate) keys: Vec<Keys>,
    config: KeyConfig,
    /// What survives the process of an instance: its file.
    behind: Vec<LocalAccounts>,
    /// How far the clock of an instance is ahead.
    ahead: Vec<Duration>,
    tasks: Vec<JoinSet<()>>,
    /// How many of a thousand tokens an answer takes of what is reserved for it, at most.
    pub(crate) most: u64,
    seed: u8,
    lives: u64,
}

impl Fleet {
    pub(crate) fn new(count: usize, loss: f64, seed: u8, config: KeyConfig, ahead: &[u64]) -> Self {
        let mut fleet = Self {
            network: Arc::new(Mutex::new(Network::new(count, loss, seed))),
            truth: Arc::default(),
            keys: Vec::new(),
            config,
            behind: (0..count).map(|_| LocalAccounts::default()).collect(),
            ahead: ahead.iter().map(|seconds| Duration::from_secs(*seconds)).collect(),
            tasks: (0..count).map(|_| JoinSet::new()).collect(),
            most: 1_000,
            seed,
            lives: 1_000,
        };
        fleet.ahead.resize(count, Duration::ZERO);
        (0..count).for_each(|at| fleet.begin(at));
        fleet
    }

    /// Starts what an instance does: it shares limits.
    fn begin(&mut self, at: usize) {
        let clock = Clock::starting_at(BEGIN + self.network.lock().now + self.ahead[at]);
        let link = Arc::new(Link { network: self.network.clone(), at });
        let owners = (0..self.behind.len()).map(|at| name(at).into());
        let accounts = GossipAccounts::new(link, Arc::new(self.behind[at].clone()), owners).unwrap();
        let accounts = accounts.with_clock(clock);
        let keys = Keys::new(clock);
        keys.price(&PriceConfig::new("m", 1.0, 1.0)).unwrap();
        keys.share(Arc::new(accounts.clone()));
        keys.insert(self.config.clone()).unwrap();
        self.tasks[at].spawn(async move { accounts.run().await });
        if at < self.keys.len() { self.keys[at] = keys } else { self.keys.push(keys) }
    }

    /// Kills an instance in the middle of whatever it does.
    pub(crate) fn kill(&mut self, at: usize) {
        self.tasks[at] = JoinSet::new();
        self.network.lock().instances[at] = None;
    }

    /// Starts an instance again: it has what lies behind it, and nothing else.
    pub(crate) fn restart(&mut self, at: usize) {
        self.lives += 1;
        self.network.lock().start(at, self.lives);
        self.begin(at);
    }

    /// Lets so many callers ask at an instance, with pauses of about so many milliseconds.
    pub(crate) fn callers(&mut self, at: usize, count: usize, pause_ms: u64) {
        for number in 0..count {
            let seed = [self.seed, at as u8, number as u8, self.lives as u8];
            let random = Arc::new(Mutex::new(StdRng::seed_from_u64(u32::from_le_bytes(seed).into())));
            let (keys, truth, most) = (self.keys[at].clone(), self.truth.clone(), self.most);
            let clock = Clock::starting_at(BEGIN + self.network.lock().now + self.ahead[at]);
            self.tasks[at].spawn(async move {
                let node = LimitLayer::new(keys).layer(node(truth.clone(), random.clone(), most, clock));
                loop {
                    let pause = random.lock().random_range(1..=pause_ms * 2);
                    sleep(Duration::from_millis(pause)).await;
                    // Some leave before the end.
                    let patience = if random.lock().random_bool(0.1) { 20 } else { 60_000 };
                    let asked = node.clone().oneshot(prompt().with_key("a"));
                    match timeout(Duration::from_millis(patience), asked).await {
                        Err(_) => {}
                        Ok(Ok(answer)) => {
                            let _ = answer.into_answer().await;
                            truth.lock().answered += 1;
                        }
                        Ok(Err(err)) => {
                            *truth.lock().refused.entry(err.code().name()).or_default() += 1;
                            assert!([Code::BudgetSpent, Code::KeyLimit].contains(&err.code()), "{err:?}");
                            let pause = random.lock().random_range(300..900);
                            sleep(Duration::from_millis(pause)).await;
                        }
                    }
                }
            });
        }
    }

    /// Lets time pass, for the network and for everybody.
    pub(crate) async fn run(&self, time: Duration) {
        let end = self.network.lock().now + time;
        while self.network.lock().now < end {
            self.network.lock().run(STEP);
            sleep(STEP).await;
        }
    }

    pub(crate) fn part(&self, groups: &[u8]) {
        self.network.lock().group.copy_from_slice(groups);
    }

    /// Ends all callers and waits for nothing.
    pub(crate) fn stop(&mut self) {
        self.tasks.iter_mut().for_each(|tasks| *tasks = JoinSet::new());
    }

    pub(crate) fn spent(&self) -> u64 {
        self.truth.lock().micros
    }
}

fn prompt() -> Prompt {
    Prompt::parse(r#"{"model":"m","max_tokens":100,"messages":[{"role":"user","content":"Hello"}]}"#).unwrap()
}

/// A node that takes its time, and takes up to so many thousandths of what an answer may have.
fn node(
    truth: Arc<Mutex<Truth>>,
    random: Arc<Mutex<StdRng>>,
    most: u64,
    clock: Clock,
) -> impl tower::Service<
    Prompt,
    Response = Completion,
    Error = maily_errors::Error,
    Future = futures_util::future::BoxFuture<'static, Result<Completion>>,
> + Clone {
    service_fn(move |prompt: Prompt| {
        let minute = Window::at(Per::Minute, clock.now()).number();
        let read = prompt.body().len() as u64 / 4 + 1;
        {
            let mut truth = truth.lock();
            *truth.minutes.entry(minute).or_default() += 1;
            truth.micros += read;
        }
        let (truth, random) = (truth.clone(), random.clone());
        let future: futures_util::future::BoxFuture<'static, Result<Completion>> = Box::pin(async move {
            let (wait, answer) = {
                let mut random = random.lock();
                (random.random_range(1..80), random.random_range(1..=100 * most / 1_000))
            };
            sleep(Duration::from_millis(wait)).await;
            let mut truth = truth.lock();
            truth.micros += answer;
            truth.excess += answer.saturating_sub(100);
            let body = format!(
                r#"{{"choices":[{{"index":0,"message":{{"role":"assistant","content":"Hi"}},"finish_reason":"stop"}}],"usage":{{"prompt_tokens":{read},"completion_tokens":{answer}}}}}"#
            );
            Ok(Completion::new(false, Body::full(body)))
        });
        future
    })
}

/// Returns the seeds to try: few without optimization.
pub(crate) fn seeds() -> std::ops::Range<u8> {
    0..if cfg!(debug_assertions) { 2 } else { 20 }
}
