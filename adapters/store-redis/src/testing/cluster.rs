//! Six servers that share the keys: three masters with one replica each.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use maily_redis::Reply;

use super::product::Product;
use super::server::{Server, free_port};
use super::tls::Tls;
use super::until;

/// A cluster on this machine, made without any other tool.
#[derive(Debug)]
pub struct Cluster {
    nodes: Vec<Server>,
}

impl Cluster {
    /// Starts the oldest product with nodes that call another one down after two seconds.
    #[must_use]
    pub fn start() -> Option<Self> {
        Self::start_on(Product::Redis7, Duration::from_secs(2))
    }

    /// Starts six nodes, joins them, and waits until all slots are served and every replica is synced.
    ///
    /// `node_timeout` is how long a node says nothing before another one calls it down.
    #[must_use]
    pub fn start_on(product: Product, node_timeout: Duration) -> Option<Self> {
        Self::start_with(product, node_timeout, &[])
    }

    /// The same with further settings.
    #[must_use]
    pub fn start_with(product: Product, node_timeout: Duration, settings: &[[&str; 2]]) -> Option<Self> {
        Some(Self::launch(&product.program()?, node_timeout, None, settings))
    }

    /// The same with nodes that speak nothing but TLS, to each other too, and with further settings.
    #[must_use]
    pub fn start_tls(
        product: Product,
        node_timeout: Duration,
        tls: &Tls,
        settings: &[[&str; 2]],
    ) -> Option<Self> {
        let settings = [&[["--tls-cluster", "yes"]], settings].concat();
        Some(Self::launch(&product.program_with_tls()?, node_timeout, Some(tls), &settings))
    }

    fn launch(program: &OsStr, node_timeout: Duration, tls: Option<&Tls>, more: &[[&str; 2]]) -> Self {
        let timeout = node_timeout.as_millis().to_string();
        let nodes = (0..2 * MASTERS).map(|_| {
            let bus = free_port().to_string();
            let settings = [
                ["--cluster-enabled", "yes"],
                ["--cluster-port", &bus],
                ["--cluster-node-timeout", &timeout],
                // While one master is missing, the others go on, and need no pause when there is a new one.
                ["--cluster-require-full-coverage", "no"],
                // However long a replica was stopped: it may be promoted, and no replica moves to another master.
                ["--cluster-replica-validity-factor", "0"],
                ["--cluster-allow-replica-migration", "no"],
            ];
            let settings = [settings.as_slice(), more].concat();
            Server::launch(program.to_owned(), settings.as_flattened(), None, tls)
        });
        let cluster = Self { nodes: nodes.collect() };
        cluster.join();
        cluster
    }

    /// Returns the cluster that all tests of this process share. Its patience is fifteen seconds, so that a loaded
    /// machine does not cause a failover.
    #[must_use]
    pub fn shared() -> Option<Arc<Self>> {
        static SHARED: OnceLock<Option<Arc<Cluster>>> = OnceLock::new();
        let start = || Self::start_on(Product::Redis7, Duration::from_secs(15)).map(Arc::new);
        SHARED.get_or_init(start).clone()
    }

    /// Returns the URL: `redis+cluster://HOST:PORT,..` with the first three nodes, or `rediss+..`.
    #[must_use]
    pub fn url(&self) -> String {
        let seeds: Vec<String> =
            self.nodes[..MASTERS].iter().map(|node| node.address().to_string()).collect();
        format!("{}+cluster://{}", self.nodes[0].scheme(), seeds.join(","))
    }

    /// Returns the nodes: the first three were masters at first.
    #[must_use]
    pub fn nodes(&self) -> &[Server] {
        &self.nodes
    }

    /// Returns the slot of a key, as the nodes count it.
    #[must_use]
    pub fn slot(&self, key: &str) -> u16 {
        let mut replies = self.nodes.iter().filter_map(|node| node.ask(&["CLUSTER", "KEYSLOT", key]).ok());
        match replies.next() {
            Some(Reply::Integer(slot)) => u16::try_from(slot).expect("a slot is below 16 384"),
            other => unreachable!("no slot: {other:?}"),
        }
    }

    /// Returns the master of a slot, once the nodes that run agree on one that runs.
    #[must_use]
    pub fn master_of(&self, slot: u16) -> &Server {
        self.master_other_than(slot, None)
    }

    /// Returns the replicas of a slot's master.
    #[must_use]
    pub fn replicas_of(&self, slot: u16) -> Vec<&Server> {
        let master = self.master_of(slot);
        let id = master.text(&["CLUSTER", "MYID"]);
        let nodes = parse(&master.text(&["CLUSTER", "NODES"]));
        nodes.iter().filter(|node| node.master == id).filter_map(|node| self.at(node)).collect()
    }

    /// Cuts the replicas of a slot's master off, so that what is written from now on is on the master only.
    pub fn cut_replicas(&self, slot: u16) {
        let master = self.master_of(slot);
        self.replicas_of(slot).into_iter().for_each(Server::pause);
        master.ask(&["CLIENT", "KILL", "TYPE", "replica"]).expect("the master answers");
    }

    /// Kills the master of a slot, waits for another one, and returns it.
    #[must_use]
    pub fn kill_master(&self, slot: u16) -> &Server {
        let old = self.master_of(slot);
        old.kill();
        self.wait_for_another(slot, old)
    }

    /// Waits until the nodes that run agree on another master of a slot.
    #[must_use]
    pub fn wait_for_another(&self, slot: u16, old: &Server) -> &Server {
        self.master_other_than(slot, Some(old))
    }

    /// Fails over while the replicas of a slot are cut off: what `lost` does there is acknowledged and lost.
    #[must_use]
    pub fn fail_over_and_lose(&self, slot: u16, lost: impl FnOnce()) -> &Server {
        let old = self.master_of(slot);
        let replicas = self.replicas_of(slot);
        self.cut_replicas(slot);
        lost();
        old.kill();
        replicas.into_iter().for_each(Server::resume);
        self.wait_for_another(slot, old)
    }

    /// Kills the master of a slot, waits for another one, and brings the killed one back: one whole round.
    #[must_use]
    pub fn fail_over(&self, slot: u16) -> &Server {
        let new = self.kill_master(slot);
        self.heal();
        new
    }

    /// Brings back every node that is down or stopped, and waits until all is well.
    pub fn heal(&self) {
        self.nodes.iter().filter(|node| node.runs()).for_each(Server::resume);
        self.nodes.iter().filter(|node| !node.runs()).for_each(Server::restart);
        self.wait_until_ready();
    }

    /// Moves a slot with its keys from one master to another, key by key, as an operator does.
    ///
    /// `halfway` runs when half of the keys are moved.
    pub fn move_slot(&self, slot: u16, to: &Server, halfway: impl FnOnce()) {
        let from = self.master_of(slot);
        let (number, port) = (slot.to_string(), to.address().port().to_string());
        let ids = [from, to].map(|node| node.text(&["CLUSTER", "MYID"]));
        to.ask(&["CLUSTER", "SETSLOT", &number, "IMPORTING", &ids[0]]).expect("it answers");
        from.ask(&["CLUSTER", "SETSLOT", &number, "MIGRATING", &ids[1]]).expect("it answers");
        let keys = keys_in(from, &number);
        let (first, second) = keys.split_at(keys.len() / 2);
        let migrate = |keys: &[String]| {
            for key in keys {
                let moved = from.ask(&["MIGRATE", "127.0.0.1", &port, key, "0", "5000"]);
                assert!(matches!(moved, Ok(Reply::Data(_))), "{moved:?}");
            }
        };
        migrate(first);
        halfway();
        migrate(second);
        loop {
            let late = keys_in(from, &number);
            if late.is_empty() {
                break;
            }
            migrate(&late);
        }
        // The new owner first: between the two, the old one sends everybody there.
        for node in [to, from].into_iter().chain(self.nodes.iter().filter(|node| node.runs())) {
            node.ask(&["CLUSTER", "SETSLOT", &number, "NODE", &ids[1]]).ok();
        }
    }

    fn join(&self) {
        let (masters, replicas) = self.nodes.split_at(MASTERS);
        for (index, node) in self.nodes.iter().enumerate() {
            let epoch = (index + 1).to_string();
            assert!(is_ok(node, &["CLUSTER", "SET-CONFIG-EPOCH", &epoch]), "{}", node.log());
        }
        for (index, node) in masters.iter().enumerate() {
            let [first, last] = [index, index + 1].map(|part| part * SLOTS / MASTERS);
            let range = [first.to_string(), (last - 1).to_string()];
            assert!(is_ok(node, &["CLUSTER", "ADDSLOTSRANGE", &range[0], &range[1]]), "{}", node.log());
        }
        let meet = || {
            for node in &self.nodes[1..] {
                let port = node.address().port().to_string();
                let bus = setting(node, "cluster-port");
                assert!(is_ok(&self.nodes[0], &["CLUSTER", "MEET", "127.0.0.1", &port, &bus]));
            }
        };
        meet();
        let mut met = Instant::now();
        for node in &self.nodes {
            until(
                || {
                    // A handshake that takes longer than a node may be silent is forgotten: by TLS on a busy machine.
                    if met.elapsed() > Duration::from_secs(5) {
                        meet();
                        met = Instant::now();
                    }
                    parse(&node.text(&["CLUSTER", "NODES"])).iter().filter(|other| other.well).count()
                        == 2 * MASTERS
                },
                || format!("the nodes do not meet:\n{}", node.log()),
            );
        }
        for (master, replica) in masters.iter().zip(replicas) {
            let id = master.text(&["CLUSTER", "MYID"]);
            until(|| is_ok(replica, &["CLUSTER", "REPLICATE", &id]), || "no replica".to_owned());
        }
        self.wait_until_ready();
    }

    /// Waits until a failover is possible: every node sees the same well nodes, and every replica is synced.
    fn wait_until_ready(&self) {
        for node in &self.nodes {
            until(
                || {
                    let seen = parse(&node.text(&["CLUSTER", "NODES"]));
                    seen.iter().filter(|other| other.well).count() == 2 * MASTERS
                        && seen.iter().filter(|other| other.well && other.master != "-").count() == MASTERS
                        && node.info(&["CLUSTER", "INFO"], "cluster_state") == "ok"
                },
                || format!("the cluster is not well:\n{}", node.log()),
            );
        }
        let role = |node: &Server| node.info(&["INFO", "replication"], "role");
        self.nodes.iter().filter(|node| role(node) == "slave").for_each(Server::wait_until_synced);
    }

    fn master_other_than(&self, slot: u16, old: Option<&Server>) -> &Server {
        let old = old.map(Server::address);
        let mut found = None;
        until(
            || {
                let mut votes = HashMap::new();
                for node in self.nodes.iter().filter(|node| node.is_up() && Some(node.address()) != old) {
                    let nodes = parse(&node.text(&["CLUSTER", "NODES"]));
                    if let Some(owner) = nodes.iter().find(|other| other.well && other.has(slot)) {
                        *votes.entry(owner.address.clone()).or_insert(0) += 1;
                    }
                }
                let most = votes.into_iter().max_by_key(|(_, count)| *count);
                let owner = most.filter(|(_, count)| *count > MASTERS).map(|(address, _)| address);
                let owner = self.nodes.iter().find(|node| Some(node.address().to_string()) == owner);
                found = owner.filter(|node| {
                    Some(node.address()) != old
                        && node.is_up()
                        && node.info(&["CLUSTER", "INFO"], "cluster_state") == "ok"
                });
                found.is_some()
            },
            || format!("no master of slot {slot}:\n{}", self.nodes[0].text(&["CLUSTER", "NODES"])),
        );
        found.expect("it was just found")
    }

    fn at(&self, node: &Seen) -> Option<&Server> {
        self.nodes.iter().find(|server| server.address().to_string() == node.address)
    }
}

/// A line of `CLUSTER NODES`.
#[derive(Debug)]
struct Seen {
    address: String,
    /// Neither down nor only half known.
    well: bool,
    /// The id of its master; `-` for a master.
    master: String,
    slots: Vec<(u16, u16)>,
}

impl Seen {
    fn has(&self, slot: u16) -> bool {
        self.slots.iter().any(|(first, last)| (*first..=*last).contains(&slot))
    }
}

fn parse(nodes: &str) -> Vec<Seen> {
    let seen = |line: &str| {
        let fields: Vec<&str> = line.split(' ').collect();
        let flags = *fields.get(2)?;
        let slots = fields.get(8..).unwrap_or_default().iter().filter_map(|range| {
            let (first, last) = range.split_once('-').unwrap_or((range, range));
            Some((first.parse().ok()?, last.parse().ok()?))
        });
        Some(Seen {
            address: fields.get(1)?.split('@').next()?.to_owned(),
            well: !flags.contains("fail") && !flags.contains("handshake") && !flags.contains("noaddr"),
            master: (*fields.get(3)?).to_owned(),
            slots: slots.collect(),
        })
    };
    nodes.lines().filter_map(seen).collect()
}

fn is_ok(node: &Server, words: &[&str]) -> bool {
    node.text(words) == "OK"
}

fn setting(node: &Server, name: &str) -> String {
    match node.ask(&["CONFIG", "GET", name]) {
        Ok(Reply::List(pair)) => match pair.get(1) {
            Some(Reply::Data(value)) => String::from_utf8_lossy(value).into_owned(),
            _ => String::new(),
        },
        _ => String::new(),
    }
}

fn keys_in(node: &Server, slot: &str) -> Vec<String> {
    let Ok(Reply::List(keys)) = node.ask(&["CLUSTER", "GETKEYSINSLOT", slot, "100000"]) else {
        return Vec::new();
    };
    let text = |key| match key {
        Reply::Data(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        _ => String::new(),
    };
    keys.into_iter().map(text).collect()
}

const MASTERS: usize = 3;
const SLOTS: usize = 16_384;
