//! Leases that the instances of a mesh tell each other.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use maily_errors::{Code, Error, Result, Secret};
use serde::{Deserialize, Serialize};
use tokio::time::{MissedTickBehavior, interval};

use super::leases::{Leases, Told};
use crate::config::NodeConfig;
use crate::membership::{MAX_VALUE_BYTES, Shared};
use crate::model::{InstanceName, NodeName};
use crate::port::Gossip;

/// Tells the other instances which nodes registered here, and takes in which registered there, until the future is
/// dropped.
///
/// Both four times a second, so an instance sends prompts to a node half a second after the gossip knows of its lease. It
/// does so until that lease ends: when its instance says so, or when its time is over since the last renewal that was
/// heard. An instance that dies or leaves takes no node with it; the node renews at another one meanwhile.
///
/// An instance tells of 28 nodes, whose settings take at most 500 bytes each; of others it says in its log that it keeps
/// them for itself. What is told includes the key of a node, in packets that only instances can read.
///
/// # How far an instance is believed
///
/// It can add nodes to which prompts go, under the rules for those that [register](Leases::register). It can neither
/// remove nor change a node that the settings or another source name, or that registered here or somewhere else.
pub async fn share_nodes(leases: Leases, gossip: Arc<dyn Gossip>) {
    let mut pace = interval(PACE);
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut told, mut heard) = (Keys::default(), HashMap::new());
    loop {
        pace.tick().await;
        tell(&leases, &*gossip, &mut told);
        hear(&leases, &*gossip, &mut heard);
    }
}

/// A lease as it is shared.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Written {
    renewals: u64,
    ttl_ms: u64,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    draining: bool,
    /// The settings of a node are never written with their key, so it stands beside them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    node: NodeConfig,
}

/// Under which keys leases are shared, and of which nodes it was said that theirs are not.
#[derive(Default)]
struct Keys {
    taken: HashMap<NodeName, String>,
    silent: HashSet<NodeName>,
}

fn tell(leases: &Leases, gossip: &dyn Gossip, keys: &mut Keys) {
    let told = leases.told();
    let names: HashSet<&NodeName> = told.iter().map(|told| &told.config.name).collect();
    keys.silent.retain(|name| names.contains(name));
    keys.taken.retain(|name, key| {
        let stays = names.contains(name);
        if !stays {
            gossip.withdraw(key);
        }
        stays
    });
    let free = (0..MOST).map(|number| format!("{PREFIX}{number}"));
    let mut free: Vec<_> = free.filter(|key| keys.taken.values().all(|taken| taken != key)).collect();
    for told in &told {
        let name = &told.config.name;
        let Some(key) = keys.taken.get(name).or(free.last()).cloned() else {
            keep_silent(&mut keys.silent, name);
            continue;
        };
        match write(told).and_then(|value| gossip.publish(&key, value)) {
            Ok(()) => {
                free.retain(|other| *other != key);
                keys.silent.remove(name);
                keys.taken.insert(name.clone(), key);
            }
            Err(_) => {
                if let Some(key) = keys.taken.remove(name) {
                    gossip.withdraw(&key);
                }
                keep_silent(&mut keys.silent, name);
            }
        }
    }
}

fn keep_silent(silent: &mut HashSet<NodeName>, name: &NodeName) {
    if silent.insert(name.clone()) {
        tracing::warn!(node = %name, "too large or one too many for other instances to know of it");
    }
}

/// What is known of a lease at another instance.
struct Heard {
    version: u64,
    generation: u64,
    node: Option<NodeName>,
}

fn hear(leases: &Leases, gossip: &dyn Gossip, heard: &mut HashMap<(InstanceName, Arc<str>), Heard>) {
    let peers = gossip.peers();
    let generations: HashMap<&InstanceName, u64> =
        peers.iter().filter(|peer| peer.status.is_live()).map(|peer| (&peer.name, peer.generation)).collect();
    let said: HashMap<(InstanceName, Arc<str>), Shared> =
        gossip.scan(PREFIX).into_iter().map(|(key, shared)| ((shared.name.clone(), key), shared)).collect();

    heard.retain(|at, known| {
        let generation = generations.get(&at.0).copied();
        let stays = said.contains_key(at) && generation == Some(known.generation);
        // In the same life it took it back; else it cannot say anything, and its word stands for its time.
        if !stays
            && generation == Some(known.generation)
            && let Some(node) = &known.node
        {
            leases.unhear(&at.0, node);
        }
        stays
    });
    for (at, shared) in said {
        let Some(generation) = generations.get(&at.0).copied() else { continue };
        let known = heard.get(&at);
        if known.is_some_and(|known| known.version >= shared.version) {
            continue;
        }
        let before = known.and_then(|known| known.node.clone());
        let told = read(&shared.value);
        let node = told.as_ref().ok().map(|told| told.config.name.clone());
        if let Some(before) = before.filter(|before| Some(before) != node.as_ref()) {
            leases.unhear(&at.0, &before);
        }
        if let Err(err) = told.and_then(|told| leases.hear(&at.0, told)) {
            tracing::debug!(instance = %at.0, code = err.code().name(), "a node of another instance is not taken");
        }
        heard.insert(at, Heard { version: shared.version, generation, node });
    }
}

fn write(told: &Told) -> Result<Bytes> {
    let written = Written {
        renewals: told.renewals,
        ttl_ms: u64::try_from(told.time.as_millis()).unwrap_or(u64::MAX),
        draining: told.draining,
        key: told.config.key.as_ref().map(|key| key.expose().clone()),
        node: told.config.clone(),
    };
    let bytes = serde_json::to_vec(&written).map_err(|err| Error::from(Code::Unexpected).with_source(err))?;
    if bytes.len() > MAX_VALUE_BYTES {
        return Err(Error::new(Code::GossipLimit, "the settings of the node are too long to be shared")
            .with_operation("mesh::share_nodes"));
    }
    Ok(bytes.into())
}

fn read(bytes: &[u8]) -> Result<Told> {
    // Without the source: it quotes what it cannot read, and a key may stand there.
    let Written { renewals, ttl_ms, draining, key, node } = serde_json::from_slice(bytes)
        .map_err(|_| Error::new(Code::Invalid, "no lease of a node").with_operation("mesh::share_nodes"))?;
    let config = NodeConfig { key: key.map(Secret::new), ..node };
    Ok(Told { config, time: Duration::from_millis(ttl_ms), renewals, draining })
}

/// What the keys begin with under which leases are shared.
const PREFIX: &str = "node/";
/// How many nodes an instance tells of: with the loads, half of its keys.
const MOST: usize = 28;
const PACE: Duration = Duration::from_millis(250);

#[cfg(test)]
mod tests {
    use tokio::task::JoinSet;
    use tokio::time::sleep;

    use super::*;
    use crate::balance::{Node, Nodes};
    use crate::memory::{LocalGossip, Scripted, Step};
    use crate::model::Origin;
    use crate::registry::Registry;
    use crate::source::LeaseRules;

    /// More than it takes to tell and to hear.
    const SOON: Duration = Duration::from_millis(600);

    struct Instance {
        leases: Leases,
        nodes: Nodes,
        gossip: Arc<LocalGossip>,
        _tasks: JoinSet<()>,
    }

    impl Instance {
        fn start(gossip: LocalGossip) -> Self {
            let mut registry = Registry::default();
            registry.register("http", |_| Ok(Scripted::new([Step::Answer("Hi".into())])));
            let (nodes, gossip) = (Nodes::default(), Arc::new(gossip));
            let leases = Leases::new(nodes.clone(), registry, LeaseRules::default());
            let mut tasks = JoinSet::new();
            tasks.spawn(share_nodes(leases.clone(), gossip.clone()));
            let expiring = leases.clone();
            tasks.spawn(async move { expiring.expire().await });
            Self { leases, nodes, gossip, _tasks: tasks }
        }

        fn names(&self) -> Vec<String> {
            self.nodes.status().iter().map(|node| node.name.to_string()).collect()
        }
    }

    fn pair() -> [Instance; 2] {
        LocalGossip::pair().map(Instance::start)
    }

    fn node(name: &str) -> NodeConfig {
        NodeConfig::new(name, "http://127.0.0.1:8000/v1").with_model("m").with_key("secret")
    }

    #[tokio::test(start_paused = true)]
    async fn node_that_registers_at_one_is_known_at_the_other_until_its_lease_ends() {
        let [east, west] = pair();

        east.leases.register(node("n"), None).unwrap();
        sleep(SOON).await;
        assert_eq!(west.names(), ["n"]);
        let sources = [&east, &west].map(|instance| instance.nodes.status()[0].source);
        assert_eq!(sources, [Origin::REGISTERED, Origin::GOSSIP]);
        for _ in 0..4 {
            sleep(Duration::from_secs(15)).await;
            assert!(east.leases.register(node("n"), None).unwrap().renewed);
        }
        assert_eq!(west.names(), ["n"], "what was renewed there lasts here");

        sleep(Duration::from_secs(31)).await;
        assert!(east.names().is_empty() && west.names().is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn node_that_deregisters_is_gone_everywhere_and_draining_is_told() {
        let [east, west] = pair();
        east.leases.register(node("gone"), None).unwrap();
        east.leases.register(node("drained"), None).unwrap();
        sleep(SOON).await;
        assert_eq!(west.leases.remove("gone").unwrap_err().code(), Code::NodeExists);

        east.leases.remove("gone").unwrap();
        east.nodes.drain("drained");
        sleep(SOON).await;

        assert_eq!(west.names(), ["drained"]);
        assert!(west.nodes.status()[0].draining);
    }

    #[tokio::test(start_paused = true)]
    async fn node_taken_back_where_it_was_drained_is_taken_back_everywhere() {
        let east = LocalGossip::new("east");
        let others = ["mid", "west"].map(|name| Instance::start(east.join(name)));
        let east = Instance::start(east);
        let draining = || others.each_ref().map(|instance| instance.nodes.status()[0].draining);
        // Registered at each, so each tells of it: nobody may pass on as its own what it has heard.
        for instance in others.iter().chain([&east]) {
            instance.leases.register(node("n"), None).unwrap();
        }
        sleep(SOON).await;

        east.nodes.drain("n");
        sleep(SOON).await;
        assert_eq!(draining(), [true, true]);
        others.iter().chain([&east]).for_each(|instance| {
            instance.leases.register(node("n"), None).unwrap();
        });
        sleep(SOON).await;
        east.nodes.undrain("n");
        sleep(SOON).await;
        assert_eq!(draining(), [false, false]);

        // Who takes it back for himself is not overruled by the next renewal.
        east.nodes.drain("n");
        sleep(SOON).await;
        others[0].nodes.undrain("n");
        east.leases.register(node("n"), None).unwrap();
        sleep(SOON).await;
        assert_eq!(draining(), [false, true]);
    }

    #[tokio::test(start_paused = true)]
    async fn node_drained_by_an_instance_that_is_gone_is_taken_back() {
        let [east, west] = pair();
        for instance in [&east, &west] {
            instance.leases.register(node("n"), None).unwrap();
        }
        east.nodes.drain("n");
        sleep(SOON).await;
        assert!(west.nodes.status()[0].draining);

        drop(east._tasks);
        for _ in 0..3 {
            sleep(Duration::from_secs(15)).await;
            west.leases.register(node("n"), None).unwrap();
        }

        assert!(!west.nodes.status()[0].draining, "its word stood for its time");
    }

    #[tokio::test(start_paused = true)]
    async fn node_that_renews_elsewhere_stays_and_keeps_what_is_known_of_it() {
        let [east, west] = pair();
        east.leases.register(node("n"), None).unwrap();
        sleep(SOON).await;
        west.nodes.drain("n");

        for at in [&west, &east, &west, &west, &west] {
            sleep(Duration::from_secs(15)).await;
            assert!(at.leases.register(node("n"), None).unwrap().renewed);
        }
        sleep(SOON).await;

        assert_eq!((east.names().len(), west.names().len()), (1, 1));
        assert!(west.nodes.status()[0].draining, "it is the same node still");
    }

    #[tokio::test(start_paused = true)]
    async fn instance_that_begins_anew_takes_no_node_with_it() {
        let east = LocalGossip::new("east");
        let west = Instance::start(east.join("west"));
        let first = Instance::start(east);
        first.leases.register(node("n"), None).unwrap();
        sleep(SOON).await;

        // Its values are gone, and so is who could take them back.
        drop(first._tasks);
        let again = west.gossip.join("east");
        sleep(Duration::from_secs(20)).await;
        assert_eq!(west.names(), ["n"]);
        sleep(Duration::from_secs(11)).await;

        assert!(west.names().is_empty());
        drop(again);
    }

    #[tokio::test(start_paused = true)]
    async fn what_another_says_changes_no_node_that_is_there() {
        let [east, west] = pair();
        west.nodes.insert(Node::new("fixed", Scripted::new([Step::Hang])));
        west.leases.register(node("own"), None).unwrap();
        let other = |name| NodeConfig::new(name, "http://127.0.0.1:9999/v1");
        let write = |config: NodeConfig| {
            write(&Told { config, time: Duration::from_secs(30), renewals: 0, draining: true }).unwrap()
        };

        for (number, name) in ["fixed", "own"].into_iter().enumerate() {
            east.gossip.publish(&format!("node/{number}"), write(other(name))).unwrap();
        }
        let mut metadata = other("metadata");
        metadata.url = "http://169.254.169.254/v1".to_owned();
        east.gossip.publish("node/2", write(metadata)).unwrap();
        east.gossip.publish("node/3", "{}".into()).unwrap();
        sleep(SOON).await;
        (0..4).for_each(|number| {
            east.gossip.withdraw(&format!("node/{number}"));
        });
        sleep(SOON).await;

        assert_eq!(west.names(), ["fixed", "own"]);
        assert!(west.nodes.status().iter().all(|node| !node.draining));
        assert_eq!(west.nodes.status()[1].models.len(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn more_nodes_than_are_told_are_kept_and_make_room() {
        let [east, west] = pair();
        let long = NodeConfig::new("long", format!("http://127.0.0.1/{}", "p".repeat(MAX_VALUE_BYTES)));
        east.leases.register(long, None).unwrap();
        (0..=MOST).for_each(|number| {
            east.leases.register(node(&format!("n{number}")), None).unwrap();
        });
        sleep(SOON).await;

        assert_eq!((east.names().len(), west.names().len()), (MOST + 2, MOST));
    }
}
