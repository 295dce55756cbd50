use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use maily_errors::{Code, Error, Public, Result};
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

use super::url;
use crate::balance::Nodes;
use crate::config::NodeConfig;
use crate::model::{InstanceName, NodeName, Origin};
use crate::registry::Registry;

/// Who may register, and for how long.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct LeaseRules {
    /// The schemes of the URLs that may be registered; an adapter that reads files should not be among them.
    pub schemes: Vec<String>,
    /// How long a lease lasts if the node does not say, 1 s to 1 h.
    pub time: Duration,
    /// The most nodes with a lease.
    pub max_nodes: usize,
    /// The longest wait for a connection to a node that does not say.
    pub connect: Duration,
}

impl Default for LeaseRules {
    /// `http` and `https`, 30 s, 1000 nodes, 5 s to connect.
    fn default() -> Self {
        Self {
            schemes: vec!["http".to_owned(), "https".to_owned()],
            time: Duration::from_secs(30),
            max_nodes: 1000,
            connect: Duration::from_secs(5),
        }
    }
}

/// Nodes that registered themselves, each for as long as it renews its lease. Clones are the same.
///
/// A node registers at one instance of the mesh. Where instances [share](super::share_nodes) their leases, each of them
/// sends prompts to it.
#[derive(Clone, Debug)]
pub struct Leases {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    nodes: Nodes,
    registry: Registry,
    rules: LeaseRules,
    held: Mutex<HashMap<NodeName, Held>>,
    changed: Notify,
}

/// A node that registered here, or at others, or both.
#[derive(Debug)]
struct Held {
    config: NodeConfig,
    own: Option<Grant>,
    /// Where else it registered with the same settings.
    peers: BTreeMap<InstanceName, Heard>,
}

/// For how long somebody was promised prompts.
#[derive(Clone, Copy, Debug)]
struct Grant {
    until: Instant,
    time: Duration,
    renewals: u64,
}

/// What another instance says of a node that registered there.
#[derive(Clone, Copy, Debug)]
struct Heard {
    grant: Grant,
    draining: bool,
}

/// What a node was granted.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Lease {
    /// How long it lasts; renew it well before, after a third of the time.
    pub time: Duration,
    /// Whether the node was there already, as it is; then what is known of it stays.
    pub renewed: bool,
}

/// A lease as its instance tells others of it.
#[derive(Debug)]
pub(super) struct Told {
    pub(super) config: NodeConfig,
    pub(super) time: Duration,
    pub(super) renewals: u64,
    pub(super) draining: bool,
}

impl Leases {
    /// The shortest and the longest time that a node may ask for.
    pub const TIMES: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(3600)];
    /// The longest name of a node, in bytes.
    pub const MAX_NAME_BYTES: usize = 128;

    /// Creates an empty set that adds to `nodes` what `registry` can build.
    #[must_use]
    pub fn new(nodes: Nodes, registry: Registry, rules: LeaseRules) -> Self {
        let (held, changed) = (Mutex::default(), Notify::new());
        Self { shared: Arc::new(Shared { nodes, registry, rules, held, changed }) }
    }

    /// Adds a node, or renews its lease. When this returns, the node gets prompts.
    ///
    /// A server keeps what is known of it, and whether it drains, though it says something else than before: so it may
    /// report another capacity at any time. Under another address it begins anew.
    ///
    /// # Errors
    ///
    /// - [`Code::NodeUrlRefused`] for a scheme that may not register, or an address that is none for a node.
    /// - [`Code::NodeExists`] when the name belongs to a node that did not register.
    /// - [`Code::Invalid`] for a name or a time out of their limits, or what the adapter refuses.
    /// - [`Code::Overloaded`] when as many as may have registered.
    pub fn register(&self, mut config: NodeConfig, time: Option<Duration>) -> Result<Lease> {
        config.origin = Origin::REGISTERED;
        let Shared { rules, held, changed, .. } = &*self.shared;
        let time = time.unwrap_or(rules.time);
        self.check(&config, time)?;
        let grant = |renewals| Grant { until: Instant::now() + time, time, renewals };
        // Held to the end, so that two that register one name at once do not both believe that it is theirs.
        let mut held = held.lock();
        self.settle(&mut held, &config.name)?;
        if let Some(known) = held.get_mut(&config.name).filter(|known| known.config.says_the_same(&config)) {
            let renewals = known.own.map_or(0, |own| own.renewals + 1);
            known.own = Some(grant(renewals));
            // It may end earlier than before.
            changed.notify_one();
            return Ok(Lease { time, renewed: true });
        }
        self.add(&mut held, &config)?;
        tracing::info!(node = %config.name, "registered");
        let before = held.insert(
            config.name.clone(),
            Held { config: config.clone(), own: Some(grant(0)), peers: BTreeMap::new() },
        );
        if before.is_some_and(|before| before.drains_elsewhere()) {
            self.shared.nodes.hear_draining(config.name.as_str(), false);
        }
        changed.notify_one();
        Ok(Lease { time, renewed: false })
    }

    /// Ends the lease of a node; prompts under way are finished.
    ///
    /// # Errors
    ///
    /// - [`Code::NodeNotFound`] when there is no such node.
    /// - [`Code::NodeExists`] when there is one that did not register here: whoever named it takes it out.
    pub fn remove(&self, name: &str) -> Result<()> {
        let Shared { nodes, held, .. } = &*self.shared;
        let mut held = held.lock();
        self.settle(&mut held, &NodeName::new(name))?;
        let Some(known) = held.get_mut(name) else { return Err(not_found(name)) };
        known.own = None;
        if let Some(peer) = known.peers.keys().next() {
            return Err(Error::new(Code::NodeExists, "the node registered at another instance as well")
                .with_operation("mesh::leases")
                .with_context("node", Public(name))
                .with_context("instance", Public(peer.as_str())));
        }
        held.remove(name);
        nodes.remove_from(&LEASED, name);
        tracing::info!(node = name, "deregistered");
        Ok(())
    }

    /// Removes nodes whose lease has ended, each when it ends. Drive it in a task that the mesh's owner holds.
    pub async fn expire(&self) {
        let Shared { nodes, held, changed, .. } = &*self.shared;
        loop {
            let now = Instant::now();
            let next = {
                let mut held = held.lock();
                held.retain(|name, known| {
                    known.own = known.own.filter(|own| own.until > now);
                    known.lose(nodes, |_, heard| heard.grant.until <= now);
                    let lasts = known.is_held();
                    if !lasts {
                        nodes.remove_from(&LEASED, name.as_str());
                        tracing::warn!(node = %name, "the lease was not renewed");
                    }
                    lasts
                });
                held.values().flat_map(Held::grants).map(|grant| grant.until).min()
            };
            match next {
                // A lease that was renewed meanwhile is looked at once in vain.
                Some(next) => tokio::select! {
                    () = sleep_until(next) => {}
                    () = changed.notified() => {}
                },
                None => changed.notified().await,
            }
        }
    }

    /// The leases of nodes that registered here, and whether it was said here that they drain: what others say of that they
    /// tell themselves, else nobody could take it back.
    pub(super) fn told(&self) -> Vec<Told> {
        let Shared { nodes, held, .. } = &*self.shared;
        let held = held.lock();
        let own = held.values().filter_map(|known| Some((known, known.own?)));
        own.map(|(known, Grant { time, renewals, .. })| {
            let draining = nodes.is_drained_here(known.config.name.as_str());
            Told { config: known.config.clone(), time, renewals, draining }
        })
        .collect()
    }

    /// Takes in that a node registered at another instance, or renewed its lease there, just now.
    ///
    /// A name belongs to whoever has it: settings that say something else wait until its leases have ended.
    pub(super) fn hear(&self, peer: &InstanceName, told: Told) -> Result<()> {
        let Shared { nodes, held, changed, .. } = &*self.shared;
        let Told { mut config, time, renewals, draining } = told;
        config.origin = Origin::GOSSIP;
        self.check(&config, time)?;
        let grant = Grant { until: Instant::now() + time, time, renewals };
        let mut held = held.lock();
        self.settle(&mut held, &config.name)?;
        if !held.contains_key(&config.name) {
            self.add(&mut held, &config)?;
            tracing::info!(node = %config.name, instance = %peer, "registered at another instance");
        }
        let name = config.name.clone();
        let known = held.entry(name.clone()).or_insert_with(|| Held {
            config: config.clone(),
            own: None,
            peers: BTreeMap::new(),
        });
        if !known.config.says_the_same(&config) {
            return Err(exists(&name));
        }
        let before = known.peers.insert(peer.clone(), Heard { grant, draining });
        // Only a change: who took the node back here is not overruled by each renewal.
        if before.is_some_and(|before| before.draining) != draining {
            nodes.hear_draining(name.as_str(), known.drains_elsewhere());
        }
        changed.notify_one();
        Ok(())
    }

    /// Takes in that an instance does not hold the lease of a node any more.
    pub(super) fn unhear(&self, peer: &InstanceName, name: &NodeName) {
        let Shared { nodes, held, .. } = &*self.shared;
        let mut held = held.lock();
        let Some(known) = held.get_mut(name) else { return };
        known.lose(nodes, |from, _| from == peer);
        if !known.is_held() {
            held.remove(name);
            nodes.remove_from(&LEASED, name.as_str());
            tracing::info!(node = %name, instance = %peer, "deregistered at another instance");
        }
    }

    fn check(&self, config: &NodeConfig, time: Duration) -> Result<()> {
        check_name(config.name.as_str())?;
        config.check()?;
        url::check(&config.url, &self.shared.rules.schemes)?;
        let [least, most] = Self::TIMES;
        if time < least || time > most {
            return Err(invalid("/ttl_ms", "must be 1000 to 3600000"));
        }
        Ok(())
    }

    /// Gives up the lease of a name that another source has taken over, or whose node it has removed.
    fn settle(&self, held: &mut HashMap<NodeName, Held>, name: &NodeName) -> Result<()> {
        let origin = self.shared.nodes.origin(name.as_str());
        if origin.is_some_and(|origin| LEASED.contains(&origin)) {
            return Ok(());
        }
        held.remove(name);
        if origin.is_some() { Err(exists(name)) } else { Ok(()) }
    }

    /// Adds a node whose settings are new.
    fn add(&self, held: &mut HashMap<NodeName, Held>, config: &NodeConfig) -> Result<()> {
        let Shared { nodes, registry, rules, .. } = &*self.shared;
        if !held.contains_key(&config.name) && held.len() >= rules.max_nodes {
            return Err(Error::new(Code::Overloaded, "as many nodes as may have registered")
                .with_operation("mesh::register")
                .with_context("limit", Public(rules.max_nodes)));
        }
        nodes.insert(registry.node(&config.connecting_within(rules.connect))?);
        Ok(())
    }
}

impl Held {
    fn grants(&self) -> impl Iterator<Item = &Grant> {
        self.own.iter().chain(self.peers.values().map(|heard| &heard.grant))
    }

    /// Whether it drains at an instance where it registered.
    fn drains_elsewhere(&self) -> bool {
        self.peers.values().any(|heard| heard.draining)
    }

    /// Forgets what some instances said, and that it drains with the last that said so.
    fn lose(&mut self, nodes: &Nodes, is_over: impl Fn(&InstanceName, &Heard) -> bool) {
        let drained = self.drains_elsewhere();
        self.peers.retain(|from, heard| !is_over(from, heard));
        if drained && !self.drains_elsewhere() {
            nodes.hear_draining(self.config.name.as_str(), false);
        }
    }

    fn is_held(&self) -> bool {
        self.grants().next().is_some()
    }
}

fn check_name(name: &str) -> Result<()> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:".contains(&byte);
    if (1..=Leases::MAX_NAME_BYTES).contains(&name.len()) && name.bytes().all(is_plain) {
        return Ok(());
    }
    Err(invalid("/name", "must be 1 to 128 letters, digits or `-._:`"))
}

fn exists(name: &NodeName) -> Error {
    Error::new(Code::NodeExists, "the name belongs to a node that did not register")
        .with_operation("mesh::leases")
        .with_context("node", Public(name.as_str()))
}

fn not_found(name: &str) -> Error {
    Error::new(Code::NodeNotFound, "the mesh has no node of this name")
        .with_operation("mesh::leases")
        .with_context("node", Public(name))
}

fn invalid(pointer: &'static str, detail: &'static str) -> Error {
    Error::new(Code::Invalid, "the node cannot be registered so")
        .with_operation("mesh::register")
        .with_violation(pointer, detail)
}

/// A node of this name that another source has named since is not ours to remove.
const LEASED: [Origin; 2] = [Origin::REGISTERED, Origin::GOSSIP];
