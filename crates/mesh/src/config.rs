//! The settings of a mesh, as a configuration file writes them.

use std::collections::BTreeMap;
use std::time::Duration;

use maily_errors::{Code, Error, Public, Result, Secret};
use serde::{Deserialize, Serialize};

use crate::balance::{self, Node};
use crate::layer::cache::{Rules as Answers, Which};
use crate::layer::deadline::Limits;
use crate::layer::hedge::Patience;
use crate::layer::memory::Rules;
use crate::layer::replay::Keep;
use crate::layer::resume::Rules as Continue;
use crate::layer::retry::{Budget, Policy};
use crate::layer::{breaker, shed};
use crate::membership::GossipConfig;
use crate::model::{Format, ModelName, NodeName};
use crate::recall::MemoriesConfig;

/// The settings of a mesh. Every field has a default; an unknown one is an error.
///
/// # Examples
///
/// ```
/// use maily_mesh::MeshConfig;
///
/// let config: MeshConfig = serde_json::from_str(r#"{
///     "retry": { "attempts": 2 },
///     "nodes": [{ "name": "local", "url": "echo:", "models": ["small"] }]
/// }"#).unwrap();
/// assert_eq!(config.retry.attempts, 2);
/// assert!(serde_json::from_str::<MeshConfig>(r#"{ "retries": 2 }"#).is_err());
/// ```
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[non_exhaustive]
#[serde(default, deny_unknown_fields)]
pub struct MeshConfig {
    /// How prompts are spread over the nodes.
    pub balance: BalanceConfig,
    /// What is answered from memory.
    pub cache: CacheConfig,
    /// How long a node may be silent.
    pub deadline: DeadlineConfig,
    /// What other instances of this mesh are told, and where they are.
    pub gossip: GossipConfig,
    /// When to ask a second node.
    pub hedge: HedgeConfig,
    /// How much is remembered.
    pub memories: MemoriesConfig,
    /// The nodes.
    pub nodes: Vec<NodeConfig>,
    /// What is worth recalling.
    pub recall: RecallConfig,
    /// How much to keep for readers who come back.
    pub replay: ReplayConfig,
    /// How far to continue a stream that breaks off.
    pub resume: ResumeConfig,
    /// When and how often to repeat.
    pub retry: RetryConfig,
    /// How much is taken on at once.
    pub shed: ShedConfig,
}

/// How prompts are spread over the nodes.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[non_exhaustive]
#[serde(default, deny_unknown_fields)]
pub struct BalanceConfig {
    /// How far above its share of the prompts in flight a node may be for what it has cached, 1.0 to 100.0.
    pub load_factor: f64,
    /// How many beginnings of prompts are remembered of each node, 8 bytes each; 0 switches affinity off.
    pub prefixes: usize,
    /// The zone of this mesh; nodes of the same zone come first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
    /// What the delay of a node in another zone is multiplied with, 1.0 to 1000.0.
    pub away_factor: f64,
    /// How many times the delay of the fastest node the cheapest one may have, 1.0 to 1000.0.
    pub slower_factor: f64,
    /// The share of failures that opens the breaker of a node, above 0.0 to 1.0; over 1.0 it never opens.
    pub breaker_share: f64,
    /// The fewest calls in ten seconds that may open it.
    pub breaker_calls: u32,
    /// How long it stays open at first, in milliseconds, give or take a fifth; then twice as long, up to a minute.
    pub breaker_open_ms: u64,
}

/// How much is taken on at once.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
#[non_exhaustive]
#[serde(default, deny_unknown_fields)]
pub struct ShedConfig {
    /// The most prompts under way at once, 1 to 1 000 000.
    pub max_inflight: u32,
    /// Whether the limit follows the time to the first byte, from `min_inflight` up to that.
    pub adaptive: bool,
    /// The lowest limit that is adapted to.
    pub min_inflight: u32,
    /// The longest wait for a turn, in milliseconds.
    pub queue_ms: u64,
    /// The most prompts that wait; 0 refuses at once.
    pub max_queue: u32,
}

/// How long a node may be silent, in milliseconds.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
#[non_exhaustive]
#[serde(default, deny_unknown_fields)]
pub struct DeadlineConfig {
    /// To connect, for nodes that say nothing else.
    pub connect_ms: u64,
    /// From the call to the head of a streamed answer, each attempt.
    pub headers_ms: u64,
    /// From the call to the first token of a stream, each attempt.
    pub first_token_ms: u64,
    /// From one token of a stream to the next.
    pub between_ms: u64,
    /// From the call to the end of an answer in one piece, each attempt.
    pub whole_ms: u64,
    /// From the call to the end of the answer, all attempts together.
    pub total_ms: u64,
}

/// When and how often to repeat a prompt.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
#[non_exhaustive]
#[serde(default, deny_unknown_fields)]
pub struct RetryConfig {
    /// The most attempts, the first one included; 1 never repeats.
    pub attempts: u32,
    /// The longest wait before an attempt, in milliseconds.
    pub max_wait_ms: u64,
    /// What part of their cost prompts pay in for extra attempts, in percent: retries, second nodes, continued streams.
    pub share_pct: u32,
    /// The tokens that extra attempts may cost before anything was paid in, at most 25,000.
    pub reserve_tokens: u32,
}

/// How much of numbered streams to keep for readers who come back.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
#[non_exhaustive]
#[serde(default, deny_unknown_fields)]
pub struct ReplayConfig {
    /// The most bytes of one stream; a longer one is not kept at all.
    pub stream_bytes: usize,
    /// The most bytes of all streams.
    pub total_bytes: usize,
    /// The most streams.
    pub streams: usize,
    /// How long after its last event, in seconds.
    pub keep_s: u64,
}

/// How far to continue a stream that breaks off.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
#[non_exhaustive]
#[serde(default, deny_unknown_fields)]
pub struct ResumeConfig {
    /// The most continuations of one stream; 0 never continues.
    pub attempts: u32,
    /// The longest text that is continued, in bytes.
    pub max_bytes: usize,
}

/// What is answered from memory.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[non_exhaustive]
#[serde(default, deny_unknown_fields)]
pub struct CacheConfig {
    /// Whether anything is.
    pub enabled: bool,
    /// Which prompts: `repeatable`, those with a temperature of 0 or a seed; or `all`.
    pub which: Which,
    /// Whether prompts that offer tools are among them.
    pub tools: bool,
    /// How long an answer is kept, in milliseconds.
    pub ttl_ms: u64,
    /// The most answers.
    pub max_entries: usize,
    /// The most memory for all answers and their prompts, in bytes.
    pub max_bytes: u64,
    /// The longest answer that is kept, in bytes; at most an eighth of `max_bytes`.
    pub max_answer_bytes: usize,
    /// Fields of a body that change nothing in the answer, so that two prompts are equal without them.
    pub ignored: Vec<String>,
}

/// When to ask a second node, because the first one is slow to begin.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
#[non_exhaustive]
#[serde(default, deny_unknown_fields)]
pub struct HedgeConfig {
    /// Whether to ask one at all.
    pub enabled: bool,
    /// The least wait, in milliseconds, however fast nodes usually are.
    pub min_wait_ms: u64,
    /// The wait as long as fewer than 20 answers are known, in milliseconds.
    pub unknown_wait_ms: u64,
}

/// What is worth recalling into a prompt.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
#[non_exhaustive]
#[serde(default, deny_unknown_fields)]
pub struct RecallConfig {
    /// The most memories in one prompt, 1 to 100.
    pub limit: usize,
    /// The lowest relevance of a memory that is recalled, -1.0 to 1.0.
    pub min_score: f32,
    /// The most tokens of all memories in one prompt, at four bytes each.
    pub budget_tokens: u32,
    /// How long a search may take, in milliseconds; then the prompt goes on without memories.
    pub timeout_ms: u64,
}

/// A node: where it is and what it serves.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[non_exhaustive]
#[serde(deny_unknown_fields)]
pub struct NodeConfig {
    /// Its name, for logs and metrics.
    pub name: NodeName,
    /// Where it is. The scheme chooses the adapter: `http`, `https`, `echo`, `candle`.
    pub url: String,
    /// The models that it serves; none means any.
    #[serde(default)]
    pub models: Vec<ModelName>,
    /// What the node calls a model, where it differs.
    #[serde(default)]
    pub rename: BTreeMap<ModelName, ModelName>,
    /// The formats that it takes as they are; none means those that are usual for its scheme.
    #[serde(default)]
    pub native: Vec<Format>,
    /// The longest wait for a connection, in milliseconds; absent, that of the mesh.
    #[serde(default)]
    pub connect_ms: Option<u64>,
    /// The key that it wants. It is read and never written.
    #[serde(default, skip_serializing)]
    pub key: Option<Secret<String>>,
    /// How much of the prompts it takes beside the others, 0.01 to 100.0.
    #[serde(default = "NodeConfig::default_weight")]
    pub weight: f64,
    /// The exact share of the prompts that it takes on trial, in percent; 0.0 for a node that is not on trial.
    #[serde(default)]
    pub canary_pct: f64,
    /// How many prompts it answers at once before another node with room is asked instead, at least 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capacity: Option<u32>,
    /// What a million tokens cost, in any one currency, 0.0 or more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price: Option<f64>,
    /// Where it stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
}

impl NodeConfig {
    /// Creates a node that serves any model.
    pub fn new(name: impl Into<NodeName>, url: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            url: url.into(),
            models: Vec::new(),
            rename: BTreeMap::new(),
            native: Vec::new(),
            connect_ms: None,
            key: None,
            weight: Self::default_weight(),
            canary_pct: 0.0,
            capacity: None,
            price: None,
            zone: None,
        }
    }

    /// Adds a model that it serves.
    #[must_use]
    pub fn with_model(mut self, model: impl Into<ModelName>) -> Self {
        self.models.push(model.into());
        self
    }

    /// Sets the formats that it takes as they are.
    #[must_use]
    pub fn with_native(mut self, native: impl IntoIterator<Item = Format>) -> Self {
        self.native = native.into_iter().collect();
        self
    }

    /// Sets the key that it wants.
    #[must_use]
    pub fn with_key(mut self, key: impl Into<String>) -> Self {
        self.key = Some(Secret::new(key.into()));
        self
    }

    /// Returns an error if a number is out of its range.
    ///
    /// # Errors
    ///
    /// [`Code::ConfigInvalid`] that names the field.
    pub fn check(&self) -> Result<()> {
        let wrong = [
            ("weight", !(0.01..=100.0).contains(&self.weight), "0.01 to 100.0"),
            ("canary_pct", !(0.0..=100.0).contains(&self.canary_pct), "0.0 to 100.0"),
            ("capacity", self.capacity == Some(0), "1 or more"),
            ("price", self.price.is_some_and(|price| !(0.0..=1e12).contains(&price)), "0.0 to 1e12"),
        ];
        match wrong.into_iter().find(|(_, is_wrong, _)| *is_wrong) {
            None => Ok(()),
            Some((field, _, range)) => {
                Err(Error::new(Code::ConfigInvalid, "a number of a node is out of its range")
                    .with_operation("mesh::node")
                    .with_context("node", Public(self.name.as_str()))
                    .with_context("field", Public(field))
                    .with_context("range", Public(range)))
            }
        }
    }

    /// Whether both settings are the same, the key included.
    #[must_use]
    pub fn says_the_same(&self, other: &Self) -> bool {
        let key = |config: &Self| config.key.as_ref().map(|key| key.expose().clone());
        let rest = |config: &Self| serde_json::to_vec(config).ok();
        key(self) == key(other) && rest(self) == rest(other)
    }

    /// Tells a node what the settings say of it.
    pub(crate) fn describe(&self, node: Node) -> Node {
        let node = self.models.iter().fold(node, |node, model| node.with_model(model.clone()));
        let renamed = |node: Node, (model, at_node): (&ModelName, &ModelName)| {
            node.with_renamed(model.clone(), at_node.clone())
        };
        let node = self.rename.iter().fold(node, renamed);
        let node = node.with_weight(self.weight).with_canary_pct(self.canary_pct);
        let node = self.capacity.into_iter().fold(node, Node::with_capacity);
        let node = self.price.into_iter().fold(node, Node::with_price);
        self.zone.iter().fold(node, |node, zone| node.with_zone(zone.as_str()))
    }

    const fn default_weight() -> f64 {
        1.0
    }

    /// Returns the scheme of the URL: what stands before the first colon.
    #[must_use]
    pub fn scheme(&self) -> &str {
        self.url.split_once(':').map_or(self.url.as_str(), |(scheme, _)| scheme)
    }
}

impl MeshConfig {
    /// Adds a node.
    #[must_use]
    pub fn with_node(mut self, node: NodeConfig) -> Self {
        self.nodes.push(node);
        self
    }
}

impl Default for BalanceConfig {
    fn default() -> Self {
        let balance::Rules { load_factor, prefixes, away_factor, slower_factor, .. } =
            balance::Rules::default();
        let breaker::Rules { failure_share, min_calls, open, .. } = breaker::Rules::default();
        Self {
            load_factor,
            prefixes,
            zone: None,
            away_factor,
            slower_factor,
            breaker_share: failure_share,
            breaker_calls: min_calls,
            breaker_open_ms: open.as_millis() as u64,
        }
    }
}

impl BalanceConfig {
    pub(crate) fn rules(&self, silence: Duration) -> balance::Rules {
        let breaker = breaker::Rules {
            failure_share: self.breaker_share,
            min_calls: self.breaker_calls,
            open: Duration::from_millis(self.breaker_open_ms),
            ..breaker::Rules::default()
        };
        balance::Rules {
            load_factor: self.load_factor,
            prefixes: self.prefixes,
            zone: self.zone.clone(),
            away_factor: self.away_factor,
            slower_factor: self.slower_factor,
            breaker,
            silence,
            seed: None,
        }
    }
}

impl Default for ShedConfig {
    fn default() -> Self {
        let shed::Rules { max_inflight, adaptive, min_inflight, queue, max_queue } = shed::Rules::default();
        Self { max_inflight, adaptive, min_inflight, queue_ms: queue.as_millis() as u64, max_queue }
    }
}

impl ShedConfig {
    pub(crate) const fn rules(self) -> shed::Rules {
        let Self { max_inflight, adaptive, min_inflight, queue_ms, max_queue } = self;
        shed::Rules {
            max_inflight,
            adaptive,
            min_inflight,
            queue: Duration::from_millis(queue_ms),
            max_queue,
        }
    }
}

impl Default for DeadlineConfig {
    fn default() -> Self {
        Self {
            connect_ms: 5_000,
            headers_ms: 30_000,
            first_token_ms: 60_000,
            between_ms: 30_000,
            whole_ms: 300_000,
            total_ms: 600_000,
        }
    }
}

impl DeadlineConfig {
    pub(crate) const fn limits(self) -> Limits {
        Limits {
            headers: Duration::from_millis(self.headers_ms),
            first_token: Duration::from_millis(self.first_token_ms),
            between: Duration::from_millis(self.between_ms),
            whole: Duration::from_millis(self.whole_ms),
        }
    }
}

impl Default for CacheConfig {
    fn default() -> Self {
        let rules = Answers::default();
        Self {
            enabled: false,
            which: rules.which,
            tools: rules.tools,
            ttl_ms: 3_600_000,
            max_entries: rules.max_entries,
            max_bytes: rules.max_bytes,
            max_answer_bytes: rules.max_answer_bytes,
            ignored: rules.ignored,
        }
    }
}

impl CacheConfig {
    pub(crate) fn rules(&self) -> Option<Answers> {
        self.enabled.then(|| Answers {
            which: self.which,
            tools: self.tools,
            ttl: Duration::from_millis(self.ttl_ms),
            max_entries: self.max_entries,
            max_bytes: self.max_bytes,
            max_answer_bytes: self.max_answer_bytes,
            ignored: self.ignored.clone(),
        })
    }
}

impl Default for RetryConfig {
    fn default() -> Self {
        let Policy { attempts, .. } = Policy::default();
        Self { attempts, max_wait_ms: 2000, share_pct: 10, reserve_tokens: 4_000 }
    }
}

impl Default for ReplayConfig {
    fn default() -> Self {
        let Keep { stream_bytes, total_bytes, streams, time } = Keep::default();
        Self { stream_bytes, total_bytes, streams, keep_s: time.as_secs() }
    }
}

impl ReplayConfig {
    pub(crate) const fn keep(self) -> Keep {
        let Self { stream_bytes, total_bytes, streams, keep_s } = self;
        Keep { stream_bytes, total_bytes, streams, time: Duration::from_secs(keep_s) }
    }
}

impl Default for ResumeConfig {
    fn default() -> Self {
        let Continue { attempts, max_bytes } = Continue::default();
        Self { attempts, max_bytes }
    }
}

impl ResumeConfig {
    pub(crate) const fn rules(self) -> Continue {
        Continue { attempts: self.attempts, max_bytes: self.max_bytes }
    }
}

impl Default for HedgeConfig {
    fn default() -> Self {
        Self { enabled: true, min_wait_ms: 10, unknown_wait_ms: 2_000 }
    }
}

impl HedgeConfig {
    pub(crate) fn patience(self) -> Option<Patience> {
        self.enabled.then_some(Patience {
            least: Duration::from_millis(self.min_wait_ms),
            unknown: Duration::from_millis(self.unknown_wait_ms),
        })
    }
}

impl RetryConfig {
    pub(crate) const fn policy(self) -> Policy {
        Policy { attempts: self.attempts, max_wait: Duration::from_millis(self.max_wait_ms) }
    }

    pub(crate) fn budget(self) -> Budget {
        Budget::new(self.share_pct, self.reserve_tokens)
    }
}

impl Default for RecallConfig {
    fn default() -> Self {
        let Rules { limit, min_score, budget_tokens, timeout } = Rules::default();
        Self { limit, min_score, budget_tokens, timeout_ms: timeout.as_millis() as u64 }
    }
}

impl RecallConfig {
    pub(crate) const fn rules(self) -> Rules {
        Rules {
            limit: self.limit,
            min_score: self.min_score,
            budget_tokens: self.budget_tokens,
            timeout: Duration::from_millis(self.timeout_ms),
        }
    }
}
