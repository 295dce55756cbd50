//! The nodes of a mesh: added, removed, drained, looked at, and followed.

use std::path::PathBuf;

use maily_errors::Result;
use maily_llm_candle::LlmCandleConfig;
use maily_mesh::layer::breaker::State;
use maily_mesh::{NodeConfig, NodeSource, Registry, balance};
use maily_nodes_file::FileNodesConfig;
use maily_nodes_kubernetes::KubernetesNodesConfig;
use maily_nodes_redis::RedisNodes;
use maily_redis::Key;
use pyo3::prelude::*;

use super::ask::seconds;
use super::calls::Calls;
use super::python_node::{PythonNode, SCHEME};
use crate::redis::AnyStore;

/// What is known of a node.
#[pyclass(frozen, get_all, module = "maily.mesh")]
pub(super) struct NodeStatus {
    /// Its name.
    name: String,
    /// Who named it: `static` for settings and calls, else `file`, `redis`, `kubernetes`.
    source: &'static str,
    /// The models that it serves; none means any.
    models: Vec<String>,
    /// Where it stands.
    zone: Option<String>,
    /// How much of the prompts it takes beside the others.
    weight: f64,
    /// The share of the prompts that it takes as a canary, in percent; 0 for any other node.
    canary_pct: f64,
    /// How many prompts it answers well at once.
    capacity: Option<u32>,
    /// What a million tokens cost.
    price: Option<f64>,
    /// How many prompts it answers now.
    inflight: u32,
    /// How many of them wait for their first byte.
    waiting: u32,
    /// How many prompts of other instances it answers, as they said last.
    peers_inflight: u32,
    /// The expected time to its first byte, in milliseconds.
    expected_ms: f64,
    /// How long it took to the first byte of an answer lately.
    first_byte: Times,
    /// How long it took to the last byte, of answers that came whole.
    duration: Times,
    /// How many prompts it was sent.
    prompts: u64,
    /// What part of all prompts that is, 0.0 to 1.0.
    share: f64,
    /// How many prompts it failed.
    failures: u64,
    /// Whether other instances find that it fails, and this one has not seen better.
    suspect: bool,
    /// Whether its breaker lets prompts pass: `closed`, `half_open` or `open`.
    breaker: &'static str,
    /// Whether it only finishes what was begun.
    draining: bool,
    /// Whether prompts are sent to it.
    available: bool,
    /// How long it is left out because it cannot be reached or asked for it, in milliseconds.
    out_ms: u64,
}

/// How long something took lately.
#[pyclass(frozen, get_all, module = "maily.mesh")]
#[derive(Clone)]
pub(super) struct Times {
    /// How often it was measured.
    count: u64,
    /// Half of them took at most this long, in milliseconds.
    p50_ms: f64,
    /// Nine of ten took at most this long, in milliseconds.
    p90_ms: f64,
    /// All but one of a hundred took at most this long, in milliseconds.
    p99_ms: f64,
}

/// Returns the adapters that a URL may name.
pub(super) fn registry() -> Registry {
    let mut registry = Registry::default();
    maily_llm_anthropic::register(&mut registry);
    maily_llm_echo::register(&mut registry);
    maily_llm_openai::register(&mut registry);
    registry.register(maily_llm_candle::SCHEME, |node: &NodeConfig| {
        let path = node.url.split_once(':').map_or("", |(_, path)| path);
        LlmCandleConfig::new(path).build()
    });
    registry
}

impl Calls {
    pub(super) fn insert(&self, mut node: NodeConfig) -> Result<()> {
        node.connect_ms.get_or_insert(self.connect_ms);
        self.mesh.nodes().insert(self.registry.node(&node)?);
        Ok(())
    }

    /// Adds a node that is written in Python.
    pub(super) fn insert_python(&self, config: &NodeConfig, node: PythonNode) -> Result<()> {
        let mut registry = Registry::default();
        registry.register(SCHEME, move |_: &NodeConfig| Ok(node.clone()));
        self.mesh.nodes().insert(registry.node(config)?);
        Ok(())
    }

    pub(super) fn models(&self) -> Vec<String> {
        self.mesh.nodes().models().iter().map(|model| model.id.to_string()).collect()
    }

    pub(super) fn nodes(&self) -> Vec<NodeStatus> {
        self.mesh.nodes().status().into_iter().map(NodeStatus::from).collect()
    }

    pub(super) fn follow_file(&self, path: PathBuf, every: f64) -> Result<()> {
        self.follow(FileNodesConfig::new(path).with_interval(seconds(every)?).build())
    }

    pub(super) fn follow_redis(&self, store: AnyStore, key: &str, every: f64) -> Result<()> {
        let every = seconds(every)?;
        let nodes = RedisNodes::new(store).with_key(Key::new(key.to_owned())?);
        self.follow(nodes.with_interval(every).watch())
    }

    pub(super) fn follow_kubernetes(&self, config: &KubernetesNodesConfig) -> Result<()> {
        self.follow(config.build()?)
    }

    /// Follows a source for as long as the mesh is there.
    fn follow(&self, source: impl NodeSource<NodeConfig> + 'static) -> Result<()> {
        self.process.check()?;
        let (mesh, registry) = (self.mesh.clone(), self.registry.clone());
        self.spawn(async move {
            // What went wrong stands in the log, and the nodes stay.
            let _ = mesh.follow(source, &registry).await;
        });
        Ok(())
    }
}

impl From<balance::Times> for Times {
    fn from(times: balance::Times) -> Self {
        let balance::Times { count, p50_ms, p90_ms, p99_ms, .. } = times;
        Self { count, p50_ms, p90_ms, p99_ms }
    }
}

impl From<balance::NodeStatus> for NodeStatus {
    fn from(node: balance::NodeStatus) -> Self {
        Self {
            name: node.name.to_string(),
            source: node.source.as_str(),
            models: node.models.iter().map(ToString::to_string).collect(),
            zone: node.zone,
            weight: node.weight,
            canary_pct: node.canary_pct,
            capacity: node.capacity,
            price: node.price,
            inflight: node.inflight,
            waiting: node.waiting,
            peers_inflight: node.peers_inflight,
            expected_ms: node.expected_ms,
            first_byte: Times::from(node.first_byte),
            duration: Times::from(node.duration),
            prompts: node.prompts,
            share: node.share,
            failures: node.failures,
            suspect: node.suspect,
            breaker: match node.breaker {
                State::Closed => "closed",
                State::HalfOpen => "half_open",
                _ => "open",
            },
            draining: node.draining,
            available: node.available,
            out_ms: node.out_ms,
        }
    }
}
