use std::time::Duration;

use tower_layer::Layer;

use super::Shed;
use super::gate::Gate;

/// How much is taken on.
#[derive(Clone, Debug, PartialEq)]
pub struct Rules {
    /// The most prompts under way at once, at least 1.
    pub max_inflight: u32,
    /// Whether the limit follows the time to the first byte, below the maximum.
    pub adaptive: bool,
    /// The lowest limit that is adapted to; with it the limit begins.
    pub min_inflight: u32,
    /// The longest wait for a turn.
    pub queue: Duration,
    /// The most prompts that wait, of all priorities together; 0 refuses at once.
    pub max_queue: u32,
}

impl Default for Rules {
    /// At most 16 384 prompts under way, fixed; 1024 wait, for half a second.
    fn default() -> Self {
        Self {
            max_inflight: 16_384,
            adaptive: false,
            min_inflight: 16,
            queue: Duration::from_millis(500),
            max_queue: 1024,
        }
    }
}

/// Applies [`Shed`] to a node; its clones and services share one limit and one queue.
#[derive(Clone, Debug)]
pub struct ShedLayer {
    gate: Gate,
}

impl ShedLayer {
    /// Creates a layer with an empty queue.
    #[must_use]
    pub fn new(rules: Rules) -> Self {
        Self { gate: Gate::new(rules) }
    }
}

impl Default for ShedLayer {
    fn default() -> Self {
        Self::new(Rules::default())
    }
}

impl<S> Layer<S> for ShedLayer {
    type Service = Shed<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Shed::new(inner, self.gate.clone())
    }
}
