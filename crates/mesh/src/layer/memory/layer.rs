use std::fmt;
use std::sync::Arc;

use tower_layer::Layer;

use super::Remember;
use crate::port::Recall;

/// What is worth recalling.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rules {
    /// The most memories in one prompt, 1 to 100.
    pub limit: usize,
    /// The lowest score of a memory that is recalled, -1.0 to 1.0.
    pub min_score: f32,
}

impl Default for Rules {
    /// At most three memories, with a score of 0.3 or more.
    fn default() -> Self {
        Self { limit: 3, min_score: 0.3 }
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
