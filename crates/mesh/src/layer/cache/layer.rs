use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tower_layer::Layer;

use super::Cache;
use super::store::Store;

/// Which prompts are answered from memory.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[non_exhaustive]
#[serde(rename_all = "snake_case")]
pub enum Which {
    /// All: the operator takes one answer for as good as another.
    All,
    /// Those whose answer is meant to be the same each time: a temperature of 0, or a seed.
    #[default]
    Repeatable,
}

/// What is kept, and how much.
#[derive(Clone, Debug, PartialEq)]
pub struct Rules {
    /// Which prompts.
    pub which: Which,
    /// Whether prompts that offer tools are among them; an answer may then be a call of a tool.
    pub tools: bool,
    /// How long an answer is kept.
    pub ttl: Duration,
    /// The most answers.
    pub max_entries: usize,
    /// The most memory for all answers and their prompts, in bytes.
    pub max_bytes: u64,
    /// The longest answer that is kept, in bytes, and the longest piece of a shared stream that waits for a
    /// slow reader. At most an eighth of `max_bytes` has an effect.
    pub max_answer_bytes: usize,
    /// Fields of a body that change nothing in the answer, so that two prompts are equal without them.
    pub ignored: Vec<String>,
}

impl Default for Rules {
    /// Repeatable prompts without tools, for an hour; 10,000 answers in 64 MiB, each up to 1 MiB.
    fn default() -> Self {
        Self {
            which: Which::Repeatable,
            tools: false,
            ttl: Duration::from_secs(3600),
            max_entries: 10_000,
            max_bytes: 64 * 1024 * 1024,
            max_answer_bytes: 1024 * 1024,
            ignored: ["metadata", "prompt_cache_key", "prompt_cache_retention", "safety_identifier", "user"]
                .map(str::to_owned)
                .to_vec(),
        }
    }
}

/// Applies [`Cache`] to a node. What one layer makes shares one memory.
#[derive(Clone)]
pub struct CacheLayer {
    pub(super) store: Option<Arc<Store>>,
}

impl CacheLayer {
    /// Creates a layer with an empty memory.
    #[must_use]
    pub fn new(rules: Rules) -> Self {
        Self { store: Some(Arc::new(Store::new(rules))) }
    }

    /// Creates a layer that passes prompts on as they are, for a mesh without memory of answers.
    #[must_use]
    pub const fn none() -> Self {
        Self { store: None }
    }
}

impl<S> Layer<S> for CacheLayer {
    type Service = Cache<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Cache::new(inner, self.store.clone())
    }
}

impl fmt::Debug for CacheLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CacheLayer").field("store", &self.store).finish()
    }
}
