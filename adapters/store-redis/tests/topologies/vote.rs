//! How much of an outage of a cluster is the servers' own vote, by their logs, and how much we add.
//!
//! A master is killed or stopped, and a store writes on. The nodes write when most masters call it down, how long the
//! replica waits before it asks for votes, and when it has won; the rest until our first write that works is ours.
//! `MAILY_SOAK=1` takes twenty rounds of each, and more settings of the servers.

use std::env;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use maily_store_redis::testing::{Cluster, Product, Server};
use tokio::task::spawn_blocking;

use crate::support::{Outage, SLACK, TIMEOUT, config, outage};

/// The most that we add to the servers' vote, as long as the machine lets us run.
const OURS: Duration = Duration::from_millis(500);

/// One of the times of a round.
type Step = fn(&Round) -> Duration;

/// What one round took, from the fault on.
struct Round {
    /// When a majority called the master down.
    down: Duration,
    /// How long the replica then waited before it asked for votes, and its rank among the replicas.
    waited: Duration,
    rank: u32,
    /// When it was voted for.
    won: Duration,
    outage: Outage,
}

impl Round {
    fn read(cluster: &Cluster, outage: Outage) -> Self {
        let said = |words| {
            let nodes = cluster.nodes().iter().filter(|node| node.is_up());
            nodes.filter_map(|node| node.said(words, outage.since)).min()
        };
        let (down, _) = said("as failing (quorum reached)").expect("somebody calls it down");
        let (_, delay) = said("Start of election delayed for").expect("a replica wants to be voted for");
        let (won, _) = said("Failover election won").expect("somebody is voted for");
        let number = |before: &str, after: char| {
            let (_, rest) = delay.split_once(before)?;
            rest.split(after).next()?.parse::<u32>().ok()
        };
        let waited = number("delayed for ", ' ').expect("the delay is written");
        let rank = number("(rank #", ',').expect("the rank is written");
        Self { down, waited: Duration::from_millis(waited.into()), rank, won, outage }
    }

    /// How much later than the vote our writes worked.
    fn ours(&self) -> Duration {
        self.outage.recovered.saturating_sub(self.won)
    }

    fn assert_ours(&self) {
        assert!(self.outage.longest_call < TIMEOUT + SLACK, "{self}");
        assert!(self.ours() < OURS + SLACK, "{self}");
    }
}

impl fmt::Display for Round {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Outage { recovered, longest_call, failed, .. } = &self.outage;
        write!(
            f,
            "called down {:?}, waited {:?} (rank {}), won {:?}, our writes {recovered:.2?}: {:.0?} later; \
             longest call {longest_call:.0?}, {failed} failed",
            self.down,
            self.waited,
            self.rank,
            self.won,
            self.ours()
        )
    }
}

/// Runs rounds of one fault on one kind of cluster; each begins when the nodes are well again.
async fn rounds(
    what: &str,
    product: Product,
    node_timeout: Duration,
    settings: &'static [[&'static str; 2]],
    fault: fn(&Server),
) {
    let start = move || Cluster::start_with(product, node_timeout, settings).map(Arc::new);
    let Some(cluster) = spawn_blocking(start).await.unwrap() else { return };
    let store = config(cluster.url()).build().unwrap();
    let slot = cluster.slot("k");
    let what = format!("{what}, {product:?}, node timeout {node_timeout:?}, {settings:?}");
    let mut rounds: Vec<Round> = Vec::new();
    let count = if env::var_os("MAILY_SOAK").is_some() { 20 } else { 1 };
    while rounds.len() < count {
        let servers = Arc::clone(&cluster);
        let master = spawn_blocking(move || servers.master_of(slot).address()).await.unwrap();
        let outage = outage(&store, "k", &cluster, move |cluster| {
            let master = cluster.nodes().iter().find(|node| node.address() == master).unwrap();
            fault(master);
            assert!(cluster.wait_for_another(slot, master).is_up());
        });
        let round = Round::read(&cluster, outage.await);
        println!("{what}, round {}: {round}", rounds.len() + 1);
        round.assert_ours();
        rounds.push(round);
        if rounds.len() < count {
            let servers = Arc::clone(&cluster);
            spawn_blocking(move || servers.heal()).await.unwrap();
        }
    }
    let bar = node_timeout + Duration::from_secs(2);
    let within = |time: Step| rounds.iter().filter(|round| time(round) <= bar).count();
    let (won, writes) = (within(|round| round.won), within(|round| round.outage.recovered));
    println!("{what}, {count} rounds, within {bar:?}: the vote {won}, our writes {writes}");
    let steps: [(&str, Step); 5] = [
        ("called down", |round| round.down),
        ("waited", |round| round.waited),
        ("won", |round| round.won),
        ("our writes", |round| round.outage.recovered),
        ("of that ours", Round::ours),
    ];
    for (name, time) in steps {
        let mut times: Vec<Duration> = rounds.iter().map(time).collect();
        times.sort_unstable();
        let [least, half, most] = [times[0], times[(count - 1) / 2], times[count - 1]];
        println!("{what}: {name:12} {least:.2?} to {most:.2?}, median {half:.2?}");
    }
}

/// Every product with the usual settings of these tests; in a soak also what makes the servers quicker.
async fn all(what: &str, fault: fn(&Server)) {
    let soak = env::var_os("MAILY_SOAK").is_some();
    // At 800 ms twice the timeout, the replica's wait and the vote are within the timeout and two seconds: ADR-0026.
    for node_timeout in
        if soak { &[800, 1000, 2000][..] } else { &[800] }.iter().copied().map(Duration::from_millis)
    {
        for product in Product::ALL {
            rounds(what, product, node_timeout, &[], fault).await;
        }
    }
    if soak {
        let settings = &[["--cluster-ping-interval", "200"]];
        rounds(what, Product::Valkey9, Duration::from_secs(2), settings, fault).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_master_is_left_as_soon_as_another_one_is_voted_for() {
    all("master killed", Server::kill).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stopped_master_is_left_as_soon_as_another_one_is_voted_for() {
    all("master stopped", Server::pause).await;
}
