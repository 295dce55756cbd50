//! What instances tell each other of nodes.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::MAX_KEYS;
use crate::balance::{NodeStatus, Nodes};
use crate::model::NodeName;
use crate::port::Gossip;

/// How often an instance tells how its nodes are.
const PACE: Duration = Duration::from_millis(500);
/// How many nodes an instance tells of: the other keys are for leases.
const MOST_NODES: usize = MAX_KEYS / 2;
const BYTES: usize = 9;

/// How a node is, as one instance sees it: what the key `load/NODE` holds.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct NodeLoad {
    /// How many prompts of this instance it answers now.
    pub inflight: u32,
    /// The expected time to its first byte, in milliseconds.
    pub expected_ms: f32,
    /// Whether the instance sends prompts to it: its breaker is closed.
    pub available: bool,
}

impl NodeLoad {
    /// Creates the load of a node.
    #[must_use]
    pub const fn new(inflight: u32, expected_ms: f32, available: bool) -> Self {
        Self { inflight, expected_ms, available }
    }

    /// Returns the key under which the load of a node is shared; `None` when its name is too long for one.
    #[must_use]
    pub fn key(node: &NodeName) -> Option<String> {
        let key = format!("load/{node}");
        (key.len() <= super::MAX_KEY_BYTES).then_some(key)
    }

    /// Returns the value that is shared: 9 bytes, little-endian.
    #[must_use]
    pub fn to_bytes(self) -> Bytes {
        let mut bytes = [0; BYTES];
        bytes[..4].copy_from_slice(&self.inflight.to_le_bytes());
        bytes[4..8].copy_from_slice(&self.expected_ms.to_le_bytes());
        bytes[8] = self.available.into();
        Bytes::copy_from_slice(&bytes)
    }

    /// Reads what an instance shares; `None` if it is no load.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; BYTES] = bytes.try_into().ok()?;
        let [a, b, c, d, e, f, g, h, available] = *bytes;
        let expected_ms = f32::from_le_bytes([e, f, g, h]);
        let load = Self::new(u32::from_le_bytes([a, b, c, d]), expected_ms, available == 1);
        (available <= 1 && expected_ms.is_finite() && expected_ms >= 0.0).then_some(load)
    }

    /// Returns what all instances together send to a node: their prompts, the mean of the times that they
    /// expect, and whether any of them leaves it out.
    ///
    /// An instance that tells nothing counts for nothing; `None` when all do.
    pub fn of_all(gossip: &dyn Gossip, node: &NodeName) -> Option<Self> {
        let shared = gossip.view(&Self::key(node)?);
        let loads: Vec<Self> = shared.iter().filter_map(|shared| Self::from_bytes(&shared.value)).collect();
        let expected_ms = loads.iter().map(|load| load.expected_ms).sum::<f32>() / loads.len() as f32;
        let inflight = loads.iter().fold(0_u32, |sum, load| sum.saturating_add(load.inflight));
        (!loads.is_empty()).then(|| Self::new(inflight, expected_ms, loads.iter().all(|load| load.available)))
    }
}

impl From<&NodeStatus> for NodeLoad {
    fn from(status: &NodeStatus) -> Self {
        Self::new(status.inflight, status.expected_ms as f32, status.available)
    }
}

/// Tells the other instances how the first 32 nodes are, twice a second, until the future is dropped.
pub async fn share_load(nodes: Nodes, gossip: Arc<dyn Gossip>) {
    let mut pace = tokio::time::interval(PACE);
    let mut told: Vec<String> = Vec::new();
    loop {
        pace.tick().await;
        let all = nodes.status();
        let loads =
            all.iter().filter_map(|status| Some((NodeLoad::key(&status.name)?, NodeLoad::from(status))));
        let mut keys = Vec::new();
        for (key, load) in loads.take(MOST_NODES) {
            if let Err(err) = gossip.publish(&key, load.to_bytes()) {
                tracing::debug!(%err, "a load is not shared");
            }
            keys.push(key);
        }
        told.iter().filter(|key| !keys.contains(key)).for_each(|key| {
            gossip.withdraw(key);
        });
        told = keys;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::LocalGossip;

    #[test]
    fn load_is_read_as_it_was_written() {
        let load = NodeLoad::new(7, 12.5, true);

        assert_eq!(NodeLoad::from_bytes(&load.to_bytes()), Some(load));
        assert_eq!(NodeLoad::from_bytes(b"12345678"), None);
        assert_eq!(NodeLoad::from_bytes(&[0xff; BYTES]), None);
    }

    #[test]
    fn loads_of_all_instances_add_up() {
        let [east, west] = LocalGossip::pair();
        let node = NodeName::new("gpu-1");
        assert_eq!(NodeLoad::of_all(&east, &node), None);

        east.publish("load/gpu-1", NodeLoad::new(2, 10.0, true).to_bytes()).unwrap();
        west.publish("load/gpu-1", NodeLoad::new(3, 30.0, false).to_bytes()).unwrap();

        assert_eq!(NodeLoad::of_all(&east, &node), Some(NodeLoad::new(5, 20.0, false)));
    }
}
