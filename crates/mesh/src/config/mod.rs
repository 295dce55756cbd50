//! The settings of a mesh, as a configuration file writes them.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::balance;
use crate::layer::cache::{Rules as Answers, Which};
use crate::layer::deadline::Limits;
use crate::layer::hedge::Patience;
use crate::layer::memory::Rules;
use crate::layer::replay::Keep;
use crate::layer::resume::Rules as Continue;
use crate::layer::retry::{Budget, Policy};
use crate::layer::{breaker, shed};
use crate::membership::GossipConfig;
use crate::recall::MemoriesConfig;

mod check;
mod limit;
mod node;
mod similar;

pub use self::limit::{KeyConfig, LimitConfig, PriceConfig, SharedBy};
pub use self::node::NodeConfig;
pub use self::similar::SimilarConfig;

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
    /// Who may spend how much.
    pub limit: LimitConfig,
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
    /// How long after its last event, in seconds; of shared streams, after the time that the prompt had.
    pub keep_s: u64,
    /// Whether streams are kept on the server that instances share, so that a reader may come back to another instance.
    pub shared: bool,
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
    /// When the answer to a similar prompt is given.
    pub similar: SimilarConfig,
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
    pub(crate) fn rules(&self, limits: Limits) -> balance::Rules {
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
            silence: limits.first_token.min(limits.headers),
            whole: limits.whole,
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
            similar: SimilarConfig::default(),
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
        Self { stream_bytes, total_bytes, streams, keep_s: time.as_secs(), shared: false }
    }
}

impl ReplayConfig {
    pub(crate) const fn keep(self) -> Keep {
        let Self { stream_bytes, total_bytes, streams, keep_s, .. } = self;
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
