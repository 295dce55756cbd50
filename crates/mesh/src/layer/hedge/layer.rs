use std::time::Duration;

use tower_layer::Layer;

use super::Hedge;
use super::quantile::Quantiles;
use crate::layer::retry::Budget;

/// How long the first node may take before a second one is asked.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Patience {
    /// The least wait, so that nodes which answer at once are not asked twice over noise.
    pub least: Duration,
    /// The wait as long as fewer than 20 times are known.
    pub unknown: Duration,
}

impl Default for Patience {
    /// At least 10 ms, and 2 s as long as nothing is known.
    fn default() -> Self {
        Self { least: Duration::from_millis(10), unknown: Duration::from_secs(2) }
    }
}

/// Applies [`Hedge`] to a node; its clones and services share statistics and budget.
#[derive(Clone, Debug)]
pub struct HedgeLayer {
    // None never asks a second node.
    patience: Option<Patience>,
    quantiles: Quantiles,
    budget: Budget,
}

impl HedgeLayer {
    /// Creates a layer with a fresh budget; without patience it asks no second node.
    #[must_use]
    pub fn new(patience: Option<Patience>) -> Self {
        Self { patience, quantiles: Quantiles::default(), budget: Budget::default() }
    }

    /// Spends from this budget instead, which other layers may share.
    #[must_use]
    pub fn with_budget(mut self, budget: Budget) -> Self {
        self.budget = budget;
        self
    }
}

impl Default for HedgeLayer {
    fn default() -> Self {
        Self::new(Some(Patience::default()))
    }
}

impl<S> Layer<S> for HedgeLayer {
    type Service = Hedge<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Hedge::new(inner, self.patience, self.quantiles.clone(), self.budget.clone())
    }
}
