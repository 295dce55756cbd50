use tower_layer::Layer;

use super::Resume;
use crate::layer::retry::Budget;

/// How far a stream that breaks off is continued.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Rules {
    /// The most continuations of one stream; 0 never continues.
    pub attempts: u32,
    /// The longest text that is continued, in bytes.
    pub max_bytes: usize,
}

impl Default for Rules {
    /// Three continuations, of at most 256 KiB of text.
    fn default() -> Self {
        Self { attempts: 3, max_bytes: 256 * 1024 }
    }
}

/// Applies [`Resume`] to a node; its clones and services share one budget.
#[derive(Clone, Debug, Default)]
pub struct ResumeLayer {
    rules: Rules,
    budget: Budget,
}

impl ResumeLayer {
    /// Creates a layer with a fresh budget.
    #[must_use]
    pub fn new(rules: Rules) -> Self {
        Self { rules, budget: Budget::default() }
    }

    /// Spends from this budget instead, which other layers may share.
    #[must_use]
    pub fn with_budget(mut self, budget: Budget) -> Self {
        self.budget = budget;
        self
    }
}

impl<S> Layer<S> for ResumeLayer {
    type Service = Resume<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Resume::new(inner, self.rules, self.budget.clone())
    }
}
