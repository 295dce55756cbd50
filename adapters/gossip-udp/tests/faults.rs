//! Three instances on real sockets, each behind a relay, and a network that can be parted.
#![expect(clippy::unwrap_used, reason = "a test")]

use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use maily_errors::Code;
use maily_gossip_udp::GossipUdp;
use maily_mesh::Gossip;
use maily_mesh::membership::{GossipConfig, PeerStatus};
use tokio::net::UdpSocket;
use tokio::task::JoinSet;

const KEY: &str = "7e";

/// The sockets that are cut off: nothing comes from them or reaches them.
type Cut = Arc<Mutex<HashSet<SocketAddr>>>;

/// Takes packets for an instance and passes them on, unless one of the two is cut off.
struct Relay {
    address: SocketAddr,
    _task: JoinSet<()>,
}

/// An instance behind a relay. What it sends passes the relays of the others.
struct Instance {
    gossip: GossipUdp,
    relay: Relay,
}

impl Relay {
    /// Binds a relay whose way on is said with the first packet on `to`.
    async fn bind(to: tokio::sync::oneshot::Receiver<SocketAddr>, cut: Cut) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        let mut task = JoinSet::new();
        task.spawn(async move {
            let Ok(to) = to.await else { return };
            let mut buffer = [0; 2_048];
            while let Ok((len, from)) = socket.recv_from(&mut buffer).await {
                let passes = !cut.lock().unwrap().iter().any(|it| [from, to].contains(it));
                if passes {
                    let _ = socket.send_to(&buffer[..len], to).await;
                }
            }
        });
        Self { address, _task: task }
    }
}

async fn start(name: &str, seed: Option<SocketAddr>, cut: &Cut) -> Instance {
    let (to, told) = tokio::sync::oneshot::channel();
    let relay = Relay::bind(told, cut.clone()).await;
    let mut config = GossipConfig::on_loopback(KEY.repeat(32)).with_name(name);
    config.advertise = Some(relay.address);
    config.seeds.extend(seed.map(|seed| seed.to_string()));
    let gossip = GossipUdp::bind(&config).await.unwrap();
    to.send(gossip.address()).unwrap();
    Instance { gossip, relay }
}

async fn three(cut: &Cut) -> [Instance; 3] {
    let east = start("east", None, cut).await;
    let seed = Some(east.relay.address);
    let all = [east, start("west", seed, cut).await, start("north", seed, cut).await];
    until("all know all", || all.iter().all(|it| live(&it.gossip) == 2)).await;
    all
}

fn live(gossip: &GossipUdp) -> usize {
    gossip.peers().iter().filter(|peer| peer.status.is_live()).count()
}

async fn until(what: &str, holds: impl Fn() -> bool) -> Duration {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < Duration::from_secs(60), "{what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    start.elapsed()
}

#[tokio::test]
async fn parted_and_healed_instances_agree_again() {
    let cut = Cut::default();
    let [east, west, north] = three(&cut).await;
    for it in [&east, &west, &north] {
        it.gossip.publish("budget/t", "before".into()).unwrap();
    }

    cut.lock().unwrap().insert(north.gossip.address());
    let parted = until("each side takes the other for dead", || {
        live(&north.gossip) == 0 && live(&east.gossip) == 1 && live(&west.gossip) == 1
    })
    .await;
    north.gossip.publish("budget/t", "after".into()).unwrap();
    east.gossip.publish("budget/t", "after".into()).unwrap();
    cut.lock().unwrap().clear();
    let healed = until("all agree again", || {
        let all = [&east, &west, &north];
        all.iter().all(|it| {
            let after = it.gossip.view("budget/t");
            live(&it.gossip) == 2 && after.iter().filter(|shared| shared.value == "after").count() == 2
        })
    })
    .await;

    println!("parted after {parted:?}, healed after {healed:?}");
    // It takes a tenth of that; in virtual time the same bound holds for twenty instances and a third of the packets lost.
    assert!(healed < Duration::from_secs(5), "{healed:?}");
}

#[tokio::test]
async fn one_that_leaves_is_known_to_have_left() {
    let [east, west, north] = three(&Cut::default()).await;

    north.gossip.leave().await;

    let gone = |it: &Instance| it.gossip.peers().iter().any(|peer| peer.status == PeerStatus::Left);
    let took = until("the others know", || gone(&east) && gone(&west)).await;
    println!("leaving known after {took:?}");
}

#[tokio::test]
async fn one_that_is_dropped_leaves_too() {
    let [east, west, north] = three(&Cut::default()).await;

    drop(north);

    let gone = |it: &Instance| live(&it.gossip) == 1;
    until("the others know", || gone(&east) && gone(&west)).await;
}

#[tokio::test]
async fn wrong_key_and_stranger_are_answered_by_nothing() {
    let config = GossipConfig::on_loopback(KEY.repeat(32));
    let east = GossipUdp::bind(&config).await.unwrap();
    let wrong = GossipConfig::on_loopback("11".repeat(32)).with_seed(&east.address());
    let wrong = GossipUdp::bind(&wrong).await.unwrap();
    let stranger = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    for len in [0, 1, 40, 41, 1_200, 1_201, 9_000] {
        stranger.send_to(&vec![1; len], east.address()).await.unwrap();
    }

    until("all are counted", || east.stats().rejected >= 9).await;

    assert_eq!((east.stats().sent, wrong.stats().received), (0, 0));
    assert!(east.peers().is_empty() && wrong.peers().is_empty());
    let mut buffer = [0; 8];
    assert!(stranger.try_recv(&mut buffer).is_err());
}

#[tokio::test]
async fn wrong_settings_are_refused() {
    let without = GossipUdp::bind(&GossipConfig::default()).await.unwrap_err();
    assert_eq!(without.code(), Code::GossipKey);

    let config = GossipConfig::on_loopback(KEY.repeat(32));
    let east = GossipUdp::bind(&config).await.unwrap();
    let mut taken = config.clone();
    taken.listen = east.address();
    assert_eq!(GossipUdp::bind(&taken).await.unwrap_err().code(), Code::GossipSocket);

    let nowhere = config.clone().with_seed("no port");
    assert_eq!(GossipUdp::bind(&nowhere).await.unwrap_err().code(), Code::GossipSocket);
    let long = config.clone().with_name("n".repeat(33));
    assert_eq!(GossipUdp::bind(&long).await.unwrap_err().code(), Code::Invalid);

    let mut anywhere = config.clone();
    anywhere.listen = SocketAddr::from(([0, 0, 0, 0], 0));
    assert_eq!(
        GossipUdp::bind(&anywhere).await.unwrap_err().code(),
        Code::Invalid,
        "nobody can call 0.0.0.0"
    );
    anywhere.advertise = Some(SocketAddr::from(([127, 0, 0, 1], 7946)));
    GossipUdp::bind(&anywhere).await.unwrap();

    let seeds = |count| (0..count).fold(config.clone(), |config, _| config.with_seed("localhost:7946"));
    GossipUdp::bind(&seeds(16)).await.unwrap();
    assert_eq!(GossipUdp::bind(&seeds(17)).await.unwrap_err().code(), Code::Invalid);
}
