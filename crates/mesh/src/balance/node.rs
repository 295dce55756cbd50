//! One node, and what is known of it.

use std::fmt;
use std::sync::Arc;

use serde::Serialize;
use tokio::time::Instant;
use tower::util::BoxCloneSyncService;
use tower_layer::Layer;

use super::load::{Clock, Load, Moment};
use super::prefixes::Prefixes;
use super::rules::Rules;
use super::times::{Times, Took};
use crate::layer::breaker::{Circuit, State};
use crate::layer::translate::{Translate, TranslateLayer};
use crate::membership::{NodeLoad, Place};
use crate::model::{Endpoint, Formats, ModelName, NodeName, Origin};
use crate::port::{AnyLlm, Llm};

/// A node: its name, the models that it serves, what it counts for, and the way to it.
#[derive(Clone)]
pub struct Node {
    pub(super) name: NodeName,
    // What clients call a model, and what the node calls it, in the order of its settings. Empty: it serves any model.
    pub(super) models: Vec<(ModelName, ModelName)>,
    pub(super) service: Translate<AnyLlm>,
    pub(super) counting: Formats,
    pub(super) weight: f64,
    pub(super) canary_pct: f64,
    pub(super) capacity: Option<u32>,
    pub(super) price: Option<f64>,
    pub(super) zone: Option<String>,
    pub(super) place: Option<Place>,
    pub(super) endpoint: Arc<Endpoint>,
    pub(super) origin: Origin,
}

impl Node {
    /// Creates a node that serves any model, until it is told one, and takes chat completions as they are.
    pub fn new<L>(name: impl Into<NodeName>, service: L) -> Self
    where
        L: Llm + Sync + 'static,
        L::Future: 'static,
    {
        Self {
            name: name.into(),
            models: Vec::new(),
            service: TranslateLayer::new(Formats::CHAT).layer(BoxCloneSyncService::new(service)),
            counting: Formats::NONE,
            weight: 1.0,
            canary_pct: 0.0,
            capacity: None,
            price: None,
            zone: None,
            place: None,
            endpoint: Arc::default(),
            origin: Origin::STATIC,
        }
    }

    /// Sets which formats the node takes as they are; others are translated.
    #[must_use]
    pub fn with_native(mut self, native: Formats) -> Self {
        self.service = self.service.with_native(native);
        self
    }

    /// Sets of which formats it counts the tokens of a prompt without answering it; none unless set.
    ///
    /// Of those that it does not take as they are it is never asked.
    #[must_use]
    pub const fn with_counting(mut self, formats: Formats) -> Self {
        self.counting = formats;
        self
    }

    /// Adds a model that the node serves.
    #[must_use]
    pub fn with_model(self, model: impl Into<ModelName>) -> Self {
        let model = model.into();
        self.with_renamed(model.clone(), model)
    }

    /// Adds a model that the node calls by another name; only that name is changed in the body.
    #[must_use]
    pub fn with_renamed(mut self, model: impl Into<ModelName>, at_node: impl Into<ModelName>) -> Self {
        let (model, at_node) = (model.into(), at_node.into());
        match self.models.iter_mut().find(|(known, _)| *known == model) {
            Some(known) => known.1 = at_node,
            None => self.models.push((model, at_node)),
        }
        self
    }

    /// Sets how much of the prompts it takes beside the others, 0.01 to 100.0; 1.0 unless set.
    #[must_use]
    pub const fn with_weight(mut self, weight: f64) -> Self {
        self.weight = weight.clamp(0.01, 100.0);
        self
    }

    /// Puts the node on trial: it takes exactly this share of the prompts in percent, whatever its weight.
    ///
    /// Several such nodes take the sum of their shares together. Prompts of one prefix stay on one side.
    #[must_use]
    pub const fn with_canary_pct(mut self, percent: f64) -> Self {
        self.canary_pct = percent.clamp(0.0, 100.0);
        self
    }

    /// Sets how many prompts it answers at once before another one with room is asked instead.
    #[must_use]
    pub const fn with_capacity(mut self, prompts: u32) -> Self {
        self.capacity = Some(prompts);
        self
    }

    /// Sets what a million tokens cost, in any one currency.
    ///
    /// The cheapest node is asked that is not slower than
    /// [`slower_factor`](Rules::slower_factor) times the fastest; one without a price costs nothing.
    #[must_use]
    pub const fn with_price(mut self, price: f64) -> Self {
        self.price = Some(price);
        self
    }

    /// Sets where it stands; nodes in the [zone of the mesh](Rules::zone) come first.
    #[must_use]
    pub fn with_zone(mut self, zone: impl Into<String>) -> Self {
        self.zone = Some(zone.into());
        self
    }

    /// Sets by which address other instances of the mesh call it too, so that they tell each other how it is.
    ///
    /// A node without one is of this process alone.
    #[must_use]
    pub const fn with_place(mut self, place: Place) -> Self {
        self.place = Some(place);
        self
    }

    /// Sets where it is and whose protocol it speaks, as spans and metrics name it.
    #[must_use]
    pub fn with_endpoint(mut self, endpoint: Endpoint) -> Self {
        self.endpoint = Arc::new(endpoint);
        self
    }

    /// Sets who named it; the program unless set.
    #[must_use]
    pub const fn with_origin(mut self, origin: Origin) -> Self {
        self.origin = origin;
        self
    }

    /// Returns its name.
    #[must_use]
    pub const fn name(&self) -> &NodeName {
        &self.name
    }
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Node").field("name", &self.name).field("models", &self.models).finish_non_exhaustive()
    }
}

/// What is known of a node.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct NodeStatus {
    /// Its name.
    pub name: NodeName,
    /// Who named it.
    pub source: Origin,
    /// The models that it serves; none means any.
    pub models: Vec<ModelName>,
    /// Where it stands.
    pub zone: Option<String>,
    /// How much of the prompts it takes beside the others.
    pub weight: f64,
    /// The share of the prompts that it takes as a canary, in percent; 0 for any other node.
    pub canary_pct: f64,
    /// How many prompts it answers well at once.
    pub capacity: Option<u32>,
    /// What a million tokens cost.
    pub price: Option<f64>,
    /// How many prompts of this instance it answers now.
    pub inflight: u32,
    /// How many of them wait for their first byte.
    pub waiting: u32,
    /// How many prompts of other instances it answers, as they said last.
    pub peers_inflight: u32,
    /// The expected time to its first byte, in milliseconds.
    pub expected_ms: f64,
    /// How long it took to the first byte of an answer lately.
    pub first_byte: Times,
    /// How long it took to the last byte, of answers that came whole.
    pub duration: Times,
    /// How many prompts it was sent.
    pub prompts: u64,
    /// What part of all prompts that is, 0.0 to 1.0.
    pub share: f64,
    /// How many prompts it failed.
    pub failures: u64,
    /// Whether other instances find that it fails, and this one has not seen better: then it is asked once a second.
    pub suspect: bool,
    /// Whether its breaker lets prompts pass.
    pub breaker: State,
    /// Whether it only finishes what was begun.
    pub draining: bool,
    /// Whether prompts are sent to it.
    pub available: bool,
    /// How long it is left out because it cannot be reached or asked for it, in milliseconds.
    pub out_ms: u64,
}

/// A node in a fleet.
pub(super) struct Member {
    pub(super) node: Node,
    /// Tells members apart in a memory of sixteen bits a node; after 65 536 of them estimates are a little off.
    pub(super) id: u16,
    // Shared with the member that takes its place when only its settings change.
    pub(super) load: Arc<Load>,
    pub(super) took: Arc<Took>,
    pub(super) circuit: Arc<Circuit>,
    /// The beginnings that the node has likely cached.
    pub(super) prefixes: Arc<Prefixes>,
    pub(super) clock: Arc<Clock>,
}

impl Member {
    pub(super) fn new(node: Node, id: u16, rules: &Rules, clock: Arc<Clock>) -> Self {
        let (load, circuit) = (Arc::new(Load::new()), Arc::new(Circuit::new(rules.breaker.clone())));
        let (took, prefixes) = (Arc::new(Took::new()), Arc::new(Prefixes::new(rules.prefixes)));
        Self { node, id, load, took, circuit, prefixes, clock }
    }

    /// The same server with other settings: what is known of it stays, but for a pause that these may end.
    pub(super) fn with_settings(&self, node: Node) -> Self {
        self.load.end_pause();
        let Self { id, load, took, circuit, prefixes, clock, .. } = self;
        let (load, took, circuit) = (load.clone(), took.clone(), circuit.clone());
        Self { node, id: *id, load, took, circuit, prefixes: prefixes.clone(), clock: clock.clone() }
    }

    /// Whether another node is the same server under the same name.
    pub(super) fn is_same(&self, node: &Node) -> bool {
        self.node.name == node.name && self.node.place.is_some() && self.node.place == node.place
    }

    pub(super) const fn name(&self) -> &NodeName {
        &self.node.name
    }

    /// Whether prompts are sent to it.
    pub(super) fn is_in(&self, now: Moment) -> bool {
        !self.load.is_draining() && self.load.out(now).is_none() && self.circuit.is_passable()
    }

    pub(super) fn has_room(&self) -> bool {
        self.node.capacity.is_none_or(|capacity| self.load.all_inflight() < capacity)
    }

    /// The seconds that a prompt waits for its first byte here, with those before it.
    pub(super) fn delay(&self, now: Moment) -> f64 {
        // A millisecond keeps nodes apart whose memory has faded to nothing.
        let expected = self.load.expected(&self.clock, now) + 1e-3;
        expected * (1.0 + self.load.ahead() / self.node.weight)
    }

    /// What other instances are told of it.
    pub(super) fn told(&self, now: Moment) -> NodeLoad {
        let out = self.load.out(now);
        NodeLoad {
            inflight: self.load.inflight(),
            waiting: self.load.waiting(),
            // Not what others said: two would keep each other from forgetting.
            expected_ms: (self.load.remembered(&self.clock, now) * 1000.0) as f32,
            available: self.is_in(now),
            // Who asked for a pause is well.
            failing: out.is_some_and(|out| !out.asked) || self.circuit.state(Instant::now()) != State::Closed,
        }
    }

    /// What is known of it, but for its share.
    pub(super) fn status(&self, now: Moment) -> NodeStatus {
        let Node { name, models, weight, canary_pct, capacity, price, zone, .. } = &self.node;
        let (prompts, failures) = self.load.counts();
        let wait = self.load.out(now).map_or(0, |out| out.wait.as_millis());
        NodeStatus {
            name: name.clone(),
            source: self.node.origin,
            models: models.iter().map(|(model, _)| model.clone()).collect(),
            zone: zone.clone(),
            weight: *weight,
            canary_pct: *canary_pct,
            capacity: *capacity,
            price: *price,
            inflight: self.load.inflight(),
            waiting: self.load.waiting(),
            peers_inflight: self.load.peers_inflight(),
            expected_ms: self.load.expected(&self.clock, now) * 1000.0,
            first_byte: self.took.first_byte.times(now.nanos()),
            duration: self.took.duration.times(now.nanos()),
            prompts,
            share: 0.0,
            failures,
            suspect: self.load.is_suspect(now),
            breaker: self.circuit.state(Instant::now()),
            draining: self.load.is_draining(),
            available: self.is_in(now),
            out_ms: u64::try_from(wait).unwrap_or(u64::MAX),
        }
    }
}
