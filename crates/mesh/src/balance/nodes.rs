//! The nodes of a mesh, by the models that they serve.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt, pin_mut};
use maily_errors::{Code, Error, Public, Result};
use parking_lot::RwLock;
use rand::RngExt;
use serde::Serialize;
use tokio::time::Instant;
use tower::util::BoxCloneSyncService;
use tower_layer::Layer;

use super::load::Load;
use crate::layer::translate::{Translate, TranslateLayer};
use crate::model::{Formats, ModelName, NodeName, Tried};
use crate::port::{AnyLlm, Llm, NodeChange, NodeSource};

/// A node: its name, the models that it serves, and the way to it.
#[derive(Clone)]
pub struct Node {
    name: NodeName,
    // What clients call a model, and what the node calls it. Empty: it serves any model.
    models: BTreeMap<ModelName, ModelName>,
    service: Translate<AnyLlm>,
}

impl Node {
    /// Creates a node that serves any model, until it is told one, and takes chat completions as they are.
    pub fn new<L>(name: impl Into<NodeName>, service: L) -> Self
    where
        L: Llm + Sync + 'static,
        L::Future: 'static,
    {
        let service = TranslateLayer::new(Formats::CHAT).layer(BoxCloneSyncService::new(service));
        Self { name: name.into(), models: BTreeMap::new(), service }
    }

    /// Sets which formats the node takes as they are; others are translated.
    #[must_use]
    pub fn with_native(mut self, native: Formats) -> Self {
        self.service = self.service.with_native(native);
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
        self.models.insert(model.into(), at_node.into());
        self
    }
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Node").field("name", &self.name).field("models", &self.models).finish_non_exhaustive()
    }
}

/// The nodes of a mesh. Clones are the same set; changing it does not disturb prompts under way.
#[derive(Clone, Default)]
pub struct Nodes {
    table: Arc<RwLock<Arc<Table>>>,
}

/// What is known of a model.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[non_exhaustive]
pub struct ModelStatus {
    /// The model, as a client writes it.
    pub id: ModelName,
    /// The nodes that serve it.
    pub nodes: Vec<NodeName>,
}

/// What is known of a node.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct NodeStatus {
    /// Its name.
    pub name: NodeName,
    /// The models that it serves; none means any.
    pub models: Vec<ModelName>,
    /// How many prompts it answers now.
    pub inflight: u32,
    /// The expected time to its first byte, in milliseconds.
    pub expected_ms: f64,
    /// Whether prompts are sent to it.
    pub available: bool,
}

#[derive(Default)]
struct Table {
    members: Vec<Arc<Member>>,
    models: HashMap<ModelName, Vec<Route>>,
    any: Vec<Route>,
}

pub(super) struct Member {
    node: Node,
    pub(super) load: Load,
}

impl Member {
    pub(super) const fn name(&self) -> &NodeName {
        &self.node.name
    }
}

/// A node that serves the model of a prompt.
#[derive(Clone)]
pub(super) struct Route {
    pub(super) member: Arc<Member>,
    at_node: Option<ModelName>,
}

impl Route {
    /// The way to the node, and what it calls the model.
    pub(super) fn parts(&self) -> (Translate<AnyLlm>, Option<&ModelName>) {
        (self.member.node.service.clone(), self.at_node.as_ref())
    }
}

impl Nodes {
    /// Adds a node, or replaces the one of the same name.
    pub fn insert(&self, node: Node) {
        let member = Arc::new(Member { node, load: Load::new() });
        self.change(|members| match members.iter_mut().find(|known| known.node.name == member.node.name) {
            Some(known) => *known = member,
            None => members.push(member),
        });
    }

    /// Removes a node; prompts under way are finished. Returns whether there was one.
    #[expect(clippy::must_use_candidate, reason = "whether there was one is rarely of interest")]
    pub fn remove(&self, name: &str) -> bool {
        let before = self.table().members.len();
        self.change(|members| members.retain(|member| member.node.name.as_str() != name));
        self.table().members.len() < before
    }

    /// Follows a source of nodes until it ends. Drive it in a task that the mesh's owner holds.
    ///
    /// # Errors
    ///
    /// The first error of the source; the nodes stay as they are.
    pub async fn follow(&self, source: impl NodeSource<Node>) -> Result<()> {
        pin_mut!(source);
        while let Some(change) = source.next().await {
            match change? {
                NodeChange::Insert(node) => self.insert(node),
                NodeChange::Remove(name) => {
                    self.remove(name.as_str());
                }
            }
        }
        Ok(())
    }

    /// Returns the models, sorted by name; nodes that serve any stand under `default`.
    #[must_use]
    pub fn models(&self) -> Vec<ModelStatus> {
        let table = self.table();
        let status = |(id, routes): (&ModelName, &Vec<Route>)| {
            let nodes = routes.iter().map(|route| route.member.node.name.clone()).collect();
            ModelStatus { id: id.clone(), nodes }
        };
        let mut models: Vec<_> = table.models.iter().map(status).collect();
        let default = ModelName::new(ModelName::DEFAULT);
        if !table.any.is_empty() && !table.models.contains_key(&default) {
            models.push(status((&default, &table.any)));
        }
        models.sort_by(|left, right| left.id.cmp(&right.id));
        models
    }

    /// Returns the nodes, in the order in which they came.
    #[must_use]
    pub fn status(&self) -> Vec<NodeStatus> {
        let now = Instant::now();
        let status = |member: &Arc<Member>| NodeStatus {
            name: member.node.name.clone(),
            models: member.node.models.keys().cloned().collect(),
            inflight: member.load.inflight(),
            expected_ms: member.load.expected(now) * 1000.0,
            available: member.load.out(now).is_none(),
        };
        self.table().members.iter().map(status).collect()
    }

    /// Chooses a node for a model, rather one that the prompt was not given to.
    pub(super) fn pick(&self, model: &ModelName, tried: &Tried) -> Result<Route> {
        let table = self.table();
        let (routes, now) = (table.routes(model)?, Instant::now());
        if !tried.is_empty() {
            return pick_another(routes, tried, now);
        }
        let [first, second] = two_of(routes.len());
        // Two that are in: the usual case looks at no other node.
        if [first, second].iter().all(|index| routes[*index].member.load.out(now).is_none()) {
            return Ok(cheaper(&routes[first], &routes[second], now).clone());
        }
        let inside: Vec<_> = routes.iter().filter(|route| route.member.load.out(now).is_none()).collect();
        if inside.is_empty() {
            return last_resort(routes, now);
        }
        let [first, second] = two_of(inside.len());
        Ok(cheaper(inside[first], inside[second], now).clone())
    }

    /// How long until a node for the model may be asked: zero if there is one now.
    pub(super) fn wait(&self, model: &ModelName) -> Option<Duration> {
        let table = self.table();
        let now = Instant::now();
        let wait = |route: &Route| {
            route.member.load.out(now).map_or(Duration::ZERO, |out| out.until.saturating_duration_since(now))
        };
        table.routes(model).ok()?.iter().map(wait).min()
    }

    /// Whether another node than this one may be asked for the model now.
    pub(super) fn others(&self, model: &ModelName, than: &NodeName) -> bool {
        let now = Instant::now();
        let other = |route: &Route| route.member.node.name != *than && route.member.load.out(now).is_none();
        self.table().routes(model).is_ok_and(|routes| routes.iter().any(other))
    }

    fn table(&self) -> Arc<Table> {
        self.table.read().clone()
    }

    fn change(&self, change: impl FnOnce(&mut Vec<Arc<Member>>)) {
        let mut table = self.table.write();
        let mut members = table.members.clone();
        change(&mut members);
        *table = Arc::new(Table::new(members));
    }
}

impl fmt::Debug for Nodes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.table().members.iter().map(|member| &member.node)).finish()
    }
}

impl Table {
    fn new(members: Vec<Arc<Member>>) -> Self {
        let mut table = Self::default();
        for member in &members {
            if member.node.models.is_empty() {
                table.any.push(Route { member: member.clone(), at_node: None });
            }
            for (model, at_node) in &member.node.models {
                let route = Route { member: member.clone(), at_node: Some(at_node.clone()) };
                table.models.entry(model.clone()).or_default().push(route);
            }
        }
        table.members = members;
        table
    }

    /// The nodes that serve a model: those that name it, else those that take any.
    fn routes(&self, model: &ModelName) -> Result<&[Route]> {
        if let Some(routes) = self.models.get(model) {
            return Ok(routes);
        }
        if model.as_str() == ModelName::DEFAULT {
            let first = self.members.first().and_then(|member| member.node.models.keys().next());
            if let Some(routes) = first.and_then(|model| self.models.get(model)) {
                return Ok(routes);
            }
        }
        if !self.any.is_empty() {
            return Ok(&self.any);
        }
        if self.members.is_empty() {
            return Err(Error::new(Code::NoNode, "the mesh has no node").with_operation("mesh::balance"));
        }
        Err(Error::new(Code::ModelNotFound, "no node serves this model")
            .with_operation("mesh::balance")
            .with_context("model", Public(model.as_str())))
    }
}

/// Two different places among `count`, which is at least one; of one it is the same place twice.
fn two_of(count: usize) -> [usize; 2] {
    let mut random = rand::rng();
    let first = random.random_range(0..count);
    [first, (first + random.random_range(1..count.max(2))) % count]
}

fn cheaper<'a>(left: &'a Route, right: &'a Route, now: Instant) -> &'a Route {
    if right.member.load.cost(now) < left.member.load.cost(now) { right } else { left }
}

/// Chooses among the nodes that the prompt was not given to; if there are none, among all, unless that is forbidden.
fn pick_another(routes: &[Route], tried: &Tried, now: Instant) -> Result<Route> {
    let inside: Vec<_> = routes.iter().filter(|route| route.member.load.out(now).is_none()).collect();
    let fresh: Vec<_> = inside.iter().copied().filter(|route| !tried.holds(route.member.name())).collect();
    let among = match (fresh.is_empty(), tried.is_forbidden()) {
        (false, _) => fresh,
        (true, true) => {
            return Err(
                Error::new(Code::NoNode, "no other node serves this model").with_operation("mesh::balance")
            );
        }
        (true, false) if inside.is_empty() => return last_resort(routes, now),
        (true, false) => inside,
    };
    let [first, second] = two_of(among.len());
    Ok(cheaper(among[first], among[second], now).clone())
}

/// All are left out: tries the one that comes back first, unless all asked for it.
fn last_resort(routes: &[Route], now: Instant) -> Result<Route> {
    let outs = routes.iter().filter_map(|route| Some((route, route.member.load.out(now)?)));
    let unreachable = outs.clone().filter(|(_, out)| !out.asked).min_by_key(|(_, out)| out.until);
    if let Some((route, _)) = unreachable {
        return Ok(route.clone());
    }
    let until = outs.map(|(_, out)| out.until).min().unwrap_or(now);
    Err(Error::new(Code::NodeThrottled, "every node for this model asked to slow down")
        .with_operation("mesh::balance")
        .with_retry_after(until.saturating_duration_since(now)))
}
