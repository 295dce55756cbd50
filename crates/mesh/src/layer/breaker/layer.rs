use std::time::Duration;

use tower_layer::Layer;

use super::{Breaker, Circuit};

/// When a node is left alone, and for how long.
#[derive(Clone, Debug, PartialEq)]
pub struct Rules {
    /// The share of failures that opens it, above 0.0 to 1.0.
    pub failure_share: f64,
    /// The time over which calls are counted.
    pub window: Duration,
    /// The fewest calls in that time that say anything.
    pub min_calls: u32,
    /// How long it stays open the first time; each time that follows at once takes twice as long.
    pub open: Duration,
    /// The longest time that it stays open.
    pub max_open: Duration,
    /// By what part the time is made shorter or longer at random, 0.0 to 1.0.
    pub jitter: f64,
    /// How many calls pass at once while it is half open, and must succeed to close it.
    pub probes: u32,
}

impl Default for Rules {
    /// Half of at least 20 calls in 10 s; 5 s, then up to 60 s, a fifth more or less; 3 probes.
    fn default() -> Self {
        Self {
            failure_share: 0.5,
            window: Duration::from_secs(10),
            min_calls: 20,
            open: Duration::from_secs(5),
            max_open: Duration::from_secs(60),
            jitter: 0.2,
            probes: 3,
        }
    }
}

/// Applies [`Breaker`] to nodes: each that it is applied to has a circuit of its own, which its clones share.
#[derive(Clone, Debug, Default)]
pub struct BreakerLayer {
    rules: Rules,
}

impl BreakerLayer {
    /// Creates a layer.
    #[must_use]
    pub const fn new(rules: Rules) -> Self {
        Self { rules }
    }
}

impl<S> Layer<S> for BreakerLayer {
    type Service = Breaker<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Breaker::new(inner, Circuit::new(self.rules.clone()))
    }
}
