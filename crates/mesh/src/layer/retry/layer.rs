use std::time::Duration;

use tower_layer::Layer;

use super::{Budget, Retry};

/// When and how often to repeat.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Policy {
    /// The most attempts, the first one included; 1 never repeats.
    pub attempts: u32,
    /// The longest wait before an attempt; a node that asks for more is not asked again.
    pub max_wait: Duration,
}

impl Default for Policy {
    /// Three attempts, waits of at most 2 s.
    fn default() -> Self {
        Self { attempts: 3, max_wait: Duration::from_secs(2) }
    }
}

/// Applies [`Retry`] to a node; its clones and services share one budget.
#[derive(Clone, Debug)]
pub struct RetryLayer {
    policy: Policy,
    budget: Budget,
}

impl RetryLayer {
    /// Creates a layer with a fresh budget.
    #[must_use]
    pub fn new(policy: Policy) -> Self {
        Self { policy, budget: Budget::default() }
    }

    /// Spends from this budget instead, which other layers may share.
    #[must_use]
    pub fn with_budget(mut self, budget: Budget) -> Self {
        self.budget = budget;
        self
    }
}

impl Default for RetryLayer {
    fn default() -> Self {
        Self::new(Policy::default())
    }
}

impl<S> Layer<S> for RetryLayer {
    type Service = Retry<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Retry::new(inner, self.policy, self.budget.clone())
    }
}
