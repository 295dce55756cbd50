use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tower_layer::Layer;

use super::Remember;
use crate::port::Recall;

/// What is worth recalling.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Rules {
    /// The most memories in one prompt, 1 to 100.
    pub limit: usize,
    /// The lowest [relevance](crate::Recalled::relevance) of a memory that is recalled, -1.0 to 1.0.
    pub min_score: f32,
    /// The most tokens of all memories in one prompt, at four bytes each. A memory that does not fit is left out.
    pub budget_tokens: u32,
    /// How long a search may take; then the prompt goes on without memories.
    pub timeout: Duration,
}

impl Rules {
    /// Sets the most memories in one prompt.
    #[must_use]
    pub const fn with_limit(mut self, limit: usize) -> Self {
        self.limit = limit;
        self
    }

    /// Sets the lowest relevance of a memory that is recalled.
    #[must_use]
    pub const fn with_min_score(mut self, min_score: f32) -> Self {
        self.min_score = min_score;
        self
    }

    /// Sets the most tokens of all memories in one prompt.
    #[must_use]
    pub const fn with_budget_tokens(mut self, tokens: u32) -> Self {
        self.budget_tokens = tokens;
        self
    }

    /// Sets how long a search may take.
    #[must_use]
    pub const fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }
}

impl Default for Rules {
    /// At most three memories with a relevance of 0.3 or more, 512 tokens together, found within two seconds.
    fn default() -> Self {
        Self { limit: 3, min_score: 0.3, budget_tokens: 512, timeout: Duration::from_secs(2) }
    }
}

/// Applies [`Remember`] to a node.
#[derive(Clone)]
pub struct MemoryLayer {
    recall: Option<Arc<dyn Recall>>,
    rules: Rules,
}

impl MemoryLayer {
    /// Creates a layer over the memories.
    #[must_use]
    pub fn new(recall: Arc<dyn Recall>) -> Self {
        Self { recall: Some(recall), rules: Rules::default() }
    }

    /// Creates a layer that passes prompts on as they are, for a mesh without memories.
    #[must_use]
    pub fn none() -> Self {
        Self { recall: None, rules: Rules::default() }
    }

    /// Sets what is worth recalling.
    #[must_use]
    pub const fn with_rules(mut self, rules: Rules) -> Self {
        self.rules = rules;
        self
    }
}

impl<S> Layer<S> for MemoryLayer {
    type Service = Remember<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Remember::new(inner, self.recall.clone(), self.rules)
    }
}

impl fmt::Debug for MemoryLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryLayer").field("rules", &self.rules).finish_non_exhaustive()
    }
}
