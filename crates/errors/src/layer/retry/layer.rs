use std::fmt;
use std::sync::Arc;

use tower_layer::Layer;

use super::classify::ByMethod;
use super::service::Retry;
use crate::retry::{Budget, Policy};

/// Repeats requests as their errors say. Clones, and the services it makes, share one budget.
#[derive(Clone, Debug)]
pub struct RetryLayer<C = ByMethod> {
    policy: Policy,
    budget: Budget,
    classify: C,
    random: Random,
}

/// Where the jitter comes from.
#[derive(Clone, Default)]
pub(super) struct Random(Option<Arc<dyn Fn() -> f64 + Send + Sync>>);

impl RetryLayer {
    /// Creates the layer for HTTP requests with a fresh budget.
    #[must_use]
    pub fn new(policy: Policy) -> Self {
        Self { policy, ..Self::default() }
    }
}

impl<C> RetryLayer<C> {
    /// Takes a budget that other layers share, or one with other numbers.
    #[must_use]
    pub fn with_budget(mut self, budget: Budget) -> Self {
        self.budget = budget;
        self
    }

    /// Says which requests are idempotent, by a closure or a [`Classify`](super::Classify).
    #[must_use]
    pub fn with_idempotent<D>(self, classify: D) -> RetryLayer<D> {
        RetryLayer { policy: self.policy, budget: self.budget, classify, random: self.random }
    }

    /// Takes the jitter from a function that returns `0.0..1.0`, so that a test knows it.
    #[must_use]
    pub fn with_random(mut self, random: impl Fn() -> f64 + Send + Sync + 'static) -> Self {
        self.random = Random(Some(Arc::new(random)));
        self
    }
}

impl Default for RetryLayer {
    /// The default policy, for HTTP requests.
    fn default() -> Self {
        Self {
            policy: Policy::default(),
            budget: Budget::default(),
            classify: ByMethod,
            random: Random::default(),
        }
    }
}

impl<S, C: Clone> Layer<S> for RetryLayer<C> {
    type Service = Retry<S, C>;

    fn layer(&self, inner: S) -> Self::Service {
        Retry::new(inner, self.policy, self.budget.clone(), self.classify.clone(), self.random.clone())
    }
}

// === impl Random ===

impl Random {
    pub(super) fn next(&self) -> f64 {
        self.0.as_ref().map_or_else(rand::random, |random| random())
    }
}

impl fmt::Debug for Random {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "given" } else { "the thread's" })
    }
}
