use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use maily_errors::{Code, Error, Public, Result};
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

use super::url;
use crate::balance::Nodes;
use crate::config::NodeConfig;
use crate::model::NodeName;
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
}

impl Default for LeaseRules {
    /// `http` and `https`, 30 s, 1000 nodes.
    fn default() -> Self {
        Self {
            schemes: vec!["http".to_owned(), "https".to_owned()],
            time: Duration::from_secs(30),
            max_nodes: 1000,
        }
    }
}

/// Nodes that registered themselves, each for as long as it renews its lease. Clones are the same.
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

#[derive(Debug)]
struct Held {
    config: NodeConfig,
    until: Instant,
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
    /// A node that says the same as before keeps what is known of it, and whether it drains; one that says something
    /// else begins anew.
    ///
    /// # Errors
    ///
    /// - [`Code::NodeUrlRefused`] for a scheme that may not register, or an address that is none for a node.
    /// - [`Code::NodeExists`] when the name belongs to a node that did not register.
    /// - [`Code::Invalid`] for a name or a time out of their limits, or what the adapter refuses.
    /// - [`Code::Overloaded`] when as many as may have registered.
    pub fn register(&self, config: NodeConfig, time: Option<Duration>) -> Result<Lease> {
        let Shared { nodes, registry, rules, held, changed } = &*self.shared;
        check_name(config.name.as_str())?;
        config.check()?;
        url::check(&config.url, &rules.schemes)?;
        let time = time.unwrap_or(rules.time);
        let [least, most] = Self::TIMES;
        if time < least || time > most {
            return Err(invalid("/ttl_ms", "must be 1000 to 3600000"));
        }
        let until = Instant::now() + time;
        // Held to the end, so that two that register one name at once do not both believe that it is theirs.
        let mut held = held.lock();
        let full = held.len() >= rules.max_nodes;
        match held.get_mut(&config.name) {
            Some(known) if known.config.says_the_same(&config) => {
                known.until = until;
                return Ok(Lease { time, renewed: true });
            }
            Some(_) => {}
            None if nodes.contains(config.name.as_str()) => return Err(exists(&config.name)),
            None if full => {
                return Err(Error::new(Code::Overloaded, "as many nodes as may have registered")
                    .with_operation("mesh::register")
                    .with_context("limit", Public(rules.max_nodes)));
            }
            None => {}
        }
        nodes.insert(registry.node(&config)?);
        tracing::info!(node = %config.name, "registered");
        held.insert(config.name.clone(), Held { config, until });
        changed.notify_one();
        Ok(Lease { time, renewed: false })
    }

    /// Ends the lease of a node; prompts under way are finished.
    ///
    /// # Errors
    ///
    /// - [`Code::NodeNotFound`] when there is no such node.
    /// - [`Code::NodeExists`] when there is one that did not register: whoever named it takes it out.
    pub fn remove(&self, name: &str) -> Result<()> {
        let Shared { nodes, held, .. } = &*self.shared;
        if held.lock().remove(name).is_none() {
            return Err(if nodes.contains(name) { exists(&NodeName::new(name)) } else { not_found(name) });
        }
        nodes.remove(name);
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
                held.retain(|name, lease| {
                    let lasts = lease.until > now;
                    if !lasts {
                        nodes.remove(name.as_str());
                        tracing::warn!(node = %name, "the lease was not renewed");
                    }
                    lasts
                });
                held.values().map(|lease| lease.until).min()
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
