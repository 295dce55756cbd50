//! The nodes of a mesh, by the models that they serve.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::mem;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use futures_util::{StreamExt, pin_mut};
use maily_errors::{Code, Error, Public, Result};
use parking_lot::RwLock;
use serde::Serialize;
use tokio::time::Instant;

use super::chain::Chain;
use super::choose::{Asked, Route, Routes};
use super::load::{Clock, Heard, Moment};
use super::node::{Member, Node, NodeStatus};
use super::prefixes::Prefixes;
use super::rules::Rules;
use crate::membership::{NodeLoad, Place};
use crate::model::{Format, ModelName, NodeName, Origin, Prompt, PromptHead};
use crate::port::{NodeChange, NodeSource};

/// The nodes of a mesh. Clones are the same set; changing it does not disturb prompts under way.
#[derive(Clone)]
pub struct Nodes {
    shared: Arc<Shared>,
}

struct Shared {
    rules: Rules,
    clock: Arc<Clock>,
    table: RwLock<Arc<Table>>,
    /// Which node saw a beginning last.
    holders: Prefixes,
    next: AtomicU32,
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

#[derive(Default)]
struct Table {
    members: Vec<Arc<Member>>,
    models: HashMap<ModelName, Routes>,
    any: Routes,
}

impl Nodes {
    /// Creates an empty set that is balanced by these rules.
    #[must_use]
    pub fn new(rules: Rules) -> Self {
        let clock = Arc::new(Clock::new(rules.seed.unwrap_or_else(rand::random)));
        // A fleet has seen more than a node; four times is enough, for most is seen by one.
        let holders = Prefixes::new(rules.prefixes.saturating_mul(4));
        let shared = Shared { rules, clock, table: RwLock::default(), holders, next: AtomicU32::new(0) };
        Self { shared: Arc::new(shared) }
    }

    /// Returns the rules.
    #[must_use]
    pub fn rules(&self) -> &Rules {
        &self.shared.rules
    }

    /// Adds a node, or replaces the one of the same name.
    ///
    /// One in the same [place](Node::with_place) is the same server with other settings: its load, what it has cached, its
    /// breaker and whether it drains stay known. Of any other nothing is known.
    pub fn insert(&self, node: Node) {
        let Shared { rules, clock, next, .. } = &*self.shared;
        self.change(|members| {
            let place = members.iter().position(|known| *known.name() == node.name);
            let member = match place.map(|place| &members[place]).filter(|known| known.is_same(&node)) {
                Some(known) => known.with_settings(node),
                None => {
                    let id = next.fetch_add(1, Ordering::Relaxed) as u16;
                    Member::new(node, id, rules, clock.clone())
                }
            };
            match place {
                Some(place) => members[place] = Arc::new(member),
                None => members.push(Arc::new(member)),
            }
        });
    }

    /// Removes a node; prompts under way are finished. Returns whether there was one.
    #[expect(clippy::must_use_candidate, reason = "whether there was one is rarely of interest")]
    pub fn remove(&self, name: &str) -> bool {
        let before = self.table().members.len();
        self.change(|members| members.retain(|member| member.name().as_str() != name));
        self.table().members.len() < before
    }

    /// Removes a node if this origin named it last.
    pub(crate) fn remove_from(&self, origins: &[Origin], name: &str) {
        let theirs = |node: &Node| node.name.as_str() == name && origins.contains(&node.origin);
        self.change(|members| members.retain(|member| !theirs(&member.node)));
    }

    /// Returns who named a node last, if there is one of this name.
    pub(crate) fn origin(&self, name: &str) -> Option<Origin> {
        self.member(name).map(|member| member.node.origin)
    }

    /// Returns whether there is a node of this name.
    #[must_use]
    pub fn contains(&self, name: &str) -> bool {
        self.member(name).is_some()
    }

    /// Sends no more prompts to a node, which finishes those under way. Returns whether there is such a node.
    ///
    /// It stays so until [`undrain`](Self::undrain), or until it is removed.
    #[expect(clippy::must_use_candidate, reason = "whether there is one is rarely of interest")]
    pub fn drain(&self, name: &str) -> bool {
        self.set_draining(name, true)
    }

    /// Sends prompts to a node again. Returns whether there is such a node.
    #[expect(clippy::must_use_candidate, reason = "whether there is one is rarely of interest")]
    pub fn undrain(&self, name: &str) -> bool {
        self.set_draining(name, false)
    }

    fn set_draining(&self, name: &str, draining: bool) -> bool {
        self.member(name).inspect(|member| member.load.set_draining(draining)).is_some()
    }

    /// Takes in whether a node drains at another instance; what was said here stands beside it.
    pub(crate) fn hear_draining(&self, name: &str, drained: bool) {
        if let Some(member) = self.member(name) {
            member.load.set_drained_elsewhere(drained);
        }
    }

    /// Follows a source of nodes until it ends. Drive it in a task that the mesh's owner holds.
    ///
    /// A source that fails is one that does not know for now: the nodes stay as they are. What it removes goes only if no
    /// other named it since.
    ///
    /// # Errors
    ///
    /// The error with which the source ended.
    pub async fn follow(&self, source: impl NodeSource<Node>) -> Result<()> {
        pin_mut!(source);
        let (mut failed, mut named) = (Ok(()), HashMap::new());
        while let Some(change) = source.next().await {
            failed = change.map(|change| match change {
                NodeChange::Insert(node) => {
                    named.insert(node.name.clone(), node.origin);
                    self.insert(node);
                }
                NodeChange::Remove(name) => {
                    if let Some(origin) = named.remove(&name) {
                        self.remove_from(&[origin], name.as_str());
                    }
                }
            });
            if let Err(err) = &failed {
                tracing::warn!(code = err.code().name(), error = ?err, "the nodes stay as they are");
            }
        }
        failed
    }

    /// Returns the models, sorted by name; nodes that serve any stand under `default`.
    #[must_use]
    pub fn models(&self) -> Vec<ModelStatus> {
        let table = self.table();
        let status = |(id, routes): (&ModelName, &Routes)| {
            let nodes = routes.as_slice().iter().map(|route| route.member.name().clone()).collect();
            ModelStatus { id: id.clone(), nodes }
        };
        let mut models: Vec<_> = table.models.iter().map(status).collect();
        let default = ModelName::new(ModelName::DEFAULT);
        if !table.any.as_slice().is_empty() && !table.models.contains_key(&default) {
            models.push(status((&default, &table.any)));
        }
        models.sort_by(|left, right| left.id.cmp(&right.id));
        models
    }

    /// Returns whether a node that serves a model takes prompts of a format as they are.
    #[must_use]
    pub fn takes(&self, model: &ModelName, format: Format) -> bool {
        let takes = |route: &Route| route.member.node.service.native().contains(format);
        self.table().routes(model).is_ok_and(|routes| routes.as_slice().iter().any(takes))
    }

    /// Returns what a million tokens cost at the dearest node that serves a model; `None` if none says so.
    #[must_use]
    pub fn price(&self, model: &ModelName) -> Option<f64> {
        let table = self.table();
        let routes = table.routes(model).ok()?.as_slice();
        routes.iter().filter_map(|route| route.member.node.price).reduce(f64::max)
    }

    /// Returns the model for which [`ModelName::DEFAULT`] stands, unless nodes serve one of that name, or any.
    pub(crate) fn default_model(&self) -> Option<ModelName> {
        self.table().default_model().cloned()
    }

    /// Returns the nodes, in the order in which they came.
    #[must_use]
    pub fn status(&self) -> Vec<NodeStatus> {
        let now = self.shared.clock.now();
        let mut nodes: Vec<_> = self.table().members.iter().map(|member| member.status(now)).collect();
        let all = nodes.iter().map(|node| node.prompts).sum::<u64>().max(1) as f64;
        nodes.iter_mut().for_each(|node| node.share = node.prompts as f64 / all);
        nodes
    }

    /// What other instances are told: how the nodes are that they have as well, in order, each place once.
    pub(crate) fn told(&self) -> BTreeMap<Place, NodeLoad> {
        let now = self.shared.clock.now();
        let mut told: BTreeMap<Place, NodeLoad> = BTreeMap::new();
        for member in &self.table().members {
            let Some(place) = member.node.place else { continue };
            let load = member.told(now);
            told.entry(place).and_modify(|known| *known = known.and(load)).or_insert(load);
        }
        told
    }

    /// Takes in what other instances say; of a place that is not among it they say nothing.
    pub(crate) fn hear(&self, heard: &HashMap<Place, Heard>) {
        for member in &self.table().members {
            let said = member.node.place.and_then(|place| heard.get(&place));
            member.load.hear(said.copied().unwrap_or_default());
        }
    }

    /// Whether it was said at this instance that a node only finishes what was begun.
    pub(crate) fn is_drained_here(&self, name: &str) -> bool {
        self.member(name).is_some_and(|member| member.load.is_drained_here())
    }

    /// Chooses a node for a prompt, and remembers that it will have cached it.
    pub(super) fn pick(&self, prompt: &Prompt) -> Result<Route> {
        let Shared { rules, clock, holders, .. } = &*self.shared;
        let table = self.table();
        let routes = table.routes(&prompt.head.model)?;
        let (now, random) = clock.pick();
        // One node has no other to compare with.
        let chain =
            if routes.as_slice().len() < 2 || holders.is_off() { Chain::none() } else { Chain::of(prompt) };
        let asked = Asked { head: &prompt.head, chain: &chain, rules, holders, now, random };
        let tried = &prompt.head.course.tried;
        let route = match routes.choose(&asked) {
            Some(route) if !tried.is_forbidden() || !tried.holds(route.member.name()) => route,
            None if !tried.is_forbidden() => return last_resort(routes.as_slice(), now),
            _ => {
                let none = Error::new(Code::NoNode, "no other node serves this model");
                return Err(none.with_operation("mesh::balance"));
            }
        };
        for hash in chain.as_slice() {
            route.member.prefixes.put(*hash, 0);
            holders.put(*hash, route.member.id);
        }
        Ok(route.clone())
    }

    /// Of the nodes that count the tokens of such a prompt and are in, the one that has least to do.
    pub(super) fn counter(&self, head: &PromptHead) -> Option<Route> {
        let (table, now) = (self.table(), self.shared.clock.now());
        let counts = |route: &&Route| {
            let Node { counting, service, .. } = &route.member.node;
            let both = counting.contains(head.format) && service.native().contains(head.format);
            both && route.member.is_in(now)
        };
        let routes = table.routes(&head.model).ok()?.as_slice();
        routes.iter().filter(counts).min_by_key(|route| route.member.load.inflight()).cloned()
    }

    /// How long until a node for the model may be asked: zero if there is one now.
    pub(super) fn wait(&self, model: &ModelName) -> Option<Duration> {
        let table = self.table();
        let now = self.shared.clock.now();
        let staying =
            table.routes(model).ok()?.as_slice().iter().filter(|route| !route.member.load.is_draining());
        staying.map(|route| wait_for(&route.member, now)).min()
    }

    /// Whether another node than this one may be asked for the model now.
    pub(super) fn others(&self, model: &ModelName, than: &NodeName) -> bool {
        let now = self.shared.clock.now();
        let other = |route: &Route| route.member.name() != than && route.member.is_in(now);
        self.table().routes(model).is_ok_and(|routes| routes.as_slice().iter().any(other))
    }

    fn member(&self, name: &str) -> Option<Arc<Member>> {
        self.table().members.iter().find(|member| member.name().as_str() == name).cloned()
    }

    fn table(&self) -> Arc<Table> {
        self.shared.table.read().clone()
    }

    fn change(&self, change: impl FnOnce(&mut Vec<Arc<Member>>)) {
        let mut table = self.shared.table.write();
        let mut members = table.members.clone();
        change(&mut members);
        let next = Arc::new(Table::new(members, &table));
        let before = mem::replace(&mut *table, next);
        drop(table);
        // A node may take time to go, or ask for the others.
        drop(before);
    }
}

impl Default for Nodes {
    fn default() -> Self {
        Self::new(Rules::default())
    }
}

impl fmt::Debug for Nodes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.table().members.iter().map(|member| &member.node)).finish()
    }
}

impl Table {
    fn new(members: Vec<Arc<Member>>, before: &Self) -> Self {
        let mut any = Vec::new();
        let mut models: HashMap<ModelName, Vec<Route>> = HashMap::new();
        for member in &members {
            if member.node.models.is_empty() {
                any.push(Route { member: member.clone(), at_node: None });
            }
            for (model, at_node) in &member.node.models {
                let route = Route { member: member.clone(), at_node: Some(at_node.clone()) };
                models.entry(model.clone()).or_default().push(route);
            }
        }
        let named = models.into_iter().map(|(model, routes)| {
            let routes = Routes::new(routes, before.models.get(&model));
            (model, routes)
        });
        Self { models: named.collect(), any: Routes::new(any, Some(&before.any)), members }
    }

    /// The first model of the first node, unless one is called so.
    fn default_model(&self) -> Option<&ModelName> {
        let (first, _) = self.members.first()?.node.models.first()?;
        (!self.models.contains_key(ModelName::DEFAULT)).then_some(first)
    }

    /// The nodes that serve a model: those that name it, else those that take any.
    fn routes(&self, model: &ModelName) -> Result<&Routes> {
        if let Some(routes) = self.models.get(model) {
            return Ok(routes);
        }
        if model.as_str() == ModelName::DEFAULT
            && let Some(routes) = self.default_model().and_then(|model| self.models.get(model))
        {
            return Ok(routes);
        }
        if !self.any.as_slice().is_empty() {
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

/// How long until a node may be asked, drained or not.
fn wait_for(member: &Member, now: Moment) -> Duration {
    let out = member.load.out(now).map_or(Duration::ZERO, |out| out.wait);
    out.max(member.circuit.wait(Instant::now()))
}

/// None is in: tries the one that comes back first, unless all asked for it.
fn last_resort(routes: &[Route], now: Moment) -> Result<Route> {
    let staying = || routes.iter().filter(|route| !route.member.load.is_draining());
    let asked = |route: &&Route| route.member.load.out(now).is_some_and(|out| out.asked);
    let first = staying().filter(|route| !asked(route)).min_by_key(|route| wait_for(&route.member, now));
    if let Some(route) = first {
        return Ok(route.clone());
    }
    match staying().map(|route| wait_for(&route.member, now)).min() {
        Some(wait) => Err(Error::new(Code::NodeThrottled, "every node for this model asked to slow down")
            .with_operation("mesh::balance")
            .with_retry_after(wait)),
        None => {
            Err(Error::new(Code::NoNode, "every node for this model is draining")
                .with_operation("mesh::balance"))
        }
    }
}
