//! How a fleet is balanced.

use std::time::Duration;

use crate::layer::breaker;

/// How prompts are spread over the nodes.
#[derive(Clone, Debug, PartialEq)]
pub struct Rules {
    /// How far above its share of the prompts in flight a node may be for the sake of what it has cached, above 1.0.
    pub load_factor: f64,
    /// How many beginnings of prompts are remembered of each node, eight bytes each; 0 switches affinity off.
    pub prefixes: usize,
    /// The zone of this mesh: its own nodes come first. Without one all zones are alike.
    pub zone: Option<String>,
    /// What the delay of a node in another zone is multiplied with, 1.0 or more.
    pub away_factor: f64,
    /// How many times the delay of the fastest node the cheapest one may have, 1.0 or more.
    pub slower_factor: f64,
    /// When a node is left out because it fails too often.
    pub breaker: breaker::Rules,
    /// How long a caller waits for the first byte of a stream before it leaves; after that it is a failure of the node.
    pub silence: Duration,
    /// How long a caller waits for an answer in one piece before it leaves; after that it is a failure of the node.
    pub whole: Duration,
    /// The seed of the choices; a random one if absent.
    pub seed: Option<u64>,
}

impl Default for Rules {
    /// Factor 1.25, 4096 beginnings, 3 times for another zone, 2 times for a lower price, 60 s of silence, 300 s for an answer in one piece.
    fn default() -> Self {
        Self {
            load_factor: 1.25,
            prefixes: 4096,
            zone: None,
            away_factor: 3.0,
            slower_factor: 2.0,
            breaker: breaker::Rules::default(),
            silence: Duration::from_secs(60),
            whole: Duration::from_secs(300),
            seed: None,
        }
    }
}
