//! Instances that share nodes: what one has there counts at the others, as far as it is to be believed.
#![expect(clippy::unwrap_used, reason = "a test")]

use std::sync::Arc;
use std::time::Duration;

use bytes::{BufMut, BytesMut};
use maily_errors::{Code, Result};
use maily_mesh::balance::{Balance, Node, NodeStatus, Nodes};
use maily_mesh::membership::{NodeLoad, Place, share_load};
use maily_mesh::memory::{LocalGossip, Scripted, Step};
use maily_mesh::{Completion, Gossip, Prompt};
use tokio::task::JoinSet;
use tokio::time::sleep;
use tower::ServiceExt;

/// More than instances take to tell, and to hear.
const SOON: Duration = Duration::from_millis(700);
const NAMES: [&str; 2] = ["left", "right"];

fn url(name: &str) -> String {
    format!("http://{name}:8000/v1")
}

fn answering() -> Scripted {
    Scripted::new([Step::Answer("Hi".into())])
}

/// An instance of the mesh: the same two nodes as any other one, and the task that shares them.
struct Instance {
    nodes: Nodes,
    _sharing: JoinSet<()>,
}

impl Instance {
    fn start(gossip: LocalGossip, services: [&Scripted; 2], capacity: Option<u32>) -> Self {
        let nodes = Nodes::default();
        for (name, service) in NAMES.into_iter().zip(services) {
            let node =
                Node::new(name, service.clone()).with_model("m").with_place(Place::of(&url(name)).unwrap());
            nodes.insert(capacity.into_iter().fold(node, Node::with_capacity));
        }
        let mut sharing = JoinSet::new();
        sharing.spawn(share_load(nodes.clone(), Arc::new(gossip)));
        Self { nodes, _sharing: sharing }
    }

    async fn ask(&self) -> Result<Completion> {
        Balance::new(self.nodes.clone()).oneshot(Prompt::text("m", "Hi").unwrap()).await
    }

    fn status(&self, name: &str) -> NodeStatus {
        self.nodes.status().into_iter().find(|node| node.name.as_str() == name).unwrap()
    }
}

/// Says something of nodes by hand, as an instance that lies, or another version, would.
fn claim(gossip: &LocalGossip, names: &[&str], inflight: u32, waiting: u32, failing: bool) {
    claim_slow(gossip, names, inflight, waiting, 1.0, failing);
}

fn claim_slow(
    gossip: &LocalGossip,
    names: &[&str],
    inflight: u32,
    waiting: u32,
    expected_ms: f32,
    failing: bool,
) {
    let mut page = BytesMut::new();
    for name in names {
        // FNV-1a, as the docs of the wire say.
        let hash = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        page.put_u64_le(url(name).bytes().fold(0xcbf2_9ce4_8422_2325, hash));
        page.put_u32_le(inflight);
        page.put_u32_le(waiting);
        page.put_f32_le(expected_ms);
        page.put_u8(1 | u8::from(failing) << 1);
    }
    gossip.publish("load/0", page.freeze()).unwrap();
}

#[tokio::test(start_paused = true)]
async fn prompts_of_other_instances_are_known_until_they_end() {
    let [east, west] = LocalGossip::pair();
    let services = [&answering(), &answering()];
    let (east, west) = (Instance::start(east, services, None), Instance::start(west, services, None));
    west.nodes.remove("right");
    let mut open = Vec::new();
    for _ in 0..160 {
        open.push(west.ask().await.unwrap());
    }
    sleep(SOON).await;
    assert_eq!((east.status("left").peers_inflight, east.status("left").inflight), (160, 0));

    drop(open);
    sleep(SOON).await;
    assert_eq!(east.status("left").peers_inflight, 0);
}

#[tokio::test(start_paused = true)]
async fn node_that_was_slow_here_is_not_forgotten_while_another_instance_remembers_it() {
    let [east, west] = LocalGossip::pair();
    let (left, right) = (answering(), answering());
    let east = Instance::start(east, [&left, &right], None);
    while left.calls() == 0 || right.calls() == 0 {
        let answer = east.ask().await.unwrap();
        if answer.head.node.as_ref().unwrap().as_str() == "left" {
            sleep(Duration::from_millis(800)).await;
        }
        answer.into_text().await.unwrap();
    }
    let expected = |name| east.status(name).expected_ms.round();
    sleep(Duration::from_secs(60)).await;
    assert!(expected("left") < 600.0, "{} ms: half forgotten", expected("left"));

    claim_slow(&west, &["left"], 0, 0, 700.0, false);
    sleep(SOON).await;
    assert_eq!(expected("left"), 700.0);

    claim_slow(&west, &NAMES, 0, 0, 1e9, false);
    sleep(SOON).await;
    assert_eq!(expected("left"), 800.0, "not slower than it was seen here");
    assert!(expected("right") < 10.0, "{} ms: it was never slow here", expected("right"));

    sleep(Duration::from_secs(600)).await;
    assert!(expected("left") < 400.0, "{} ms: ten minutes are over", expected("left"));
}

#[tokio::test(start_paused = true)]
async fn capacity_counts_the_prompts_of_all_instances() {
    let [east, west] = LocalGossip::pair();
    let services = [&answering(), &answering()];
    let east = Instance::start(east, services, Some(4));
    claim(&west, &["left"], 4, 0, false);
    sleep(SOON).await;

    for _ in 0..4 {
        let answer = east.ask().await.unwrap();
        assert_eq!(answer.head.node.unwrap().as_str(), "right");
    }
}

#[tokio::test(start_paused = true)]
async fn node_that_fails_elsewhere_is_asked_once_a_second_until_it_answers() {
    let [east, west] = LocalGossip::pair();
    let (left, right) = (answering(), answering());
    let east = Instance::start(east, [&left, &right], None);
    claim(&west, &["left"], 0, 0, true);
    sleep(SOON).await;

    // Answers that nobody has read a byte of: nothing is known of either but what others say.
    let mut open = Vec::new();
    for second in 1..=3 {
        for _ in 0..50 {
            open.push(east.ask().await.unwrap());
        }
        assert_eq!(left.calls(), second);
        assert!(east.status("left").suspect && east.status("left").available);
        sleep(Duration::from_secs(1)).await;
    }
    for answer in open {
        answer.into_text().await.unwrap();
    }
    assert!(!east.status("left").suspect, "it has answered here");

    let open: Vec<_> = futures_util::future::join_all((0..20).map(|_| east.ask())).await;
    assert!(left.calls() >= 3 + 8, "{} of {}", left.calls() - 3, open.len());
}

#[tokio::test(start_paused = true)]
async fn lie_about_all_nodes_takes_none_out() {
    let [east, west] = LocalGossip::pair();
    let services = [&answering(), &answering()];
    let east = Instance::start(east, services, Some(4));
    claim(&west, &NAMES, u32::MAX, u32::MAX, true);
    sleep(SOON).await;

    for _ in 0..100 {
        assert_eq!(east.ask().await.unwrap().into_text().await.unwrap(), "Hi");
    }
    assert!(services.iter().all(|service| service.calls() > 0));
    assert!(NAMES.iter().all(|name| east.status(name).available));
}

#[tokio::test(start_paused = true)]
async fn breaker_that_opens_here_is_told_and_closed_one_is_not() {
    let [east, west] = LocalGossip::pair();
    let failing = Scripted::new([Step::Fail(Code::NodeFailed)]);
    let east = Instance::start(east, [&failing, &answering()], None);

    let at = Place::of(&url("left")).unwrap();
    for _ in 0..400 {
        let _ = east.ask().await;
    }
    sleep(SOON).await;

    let all = NodeLoad::of_all(&west, at);
    let open = east.status("left").breaker != maily_mesh::layer::breaker::State::Closed;
    assert_eq!(all.map(|load| load.failing), Some(open));
    let right = NodeLoad::of_all(&west, Place::of(&url("right")).unwrap()).unwrap();
    assert!(right.available && !right.failing);
}

#[tokio::test(start_paused = true)]
async fn node_of_this_process_alone_is_not_told() {
    let [east, west] = LocalGossip::pair();
    let nodes = Nodes::default();
    nodes.insert(Node::new("local", answering()));
    let mut sharing = JoinSet::new();
    sharing.spawn(share_load(nodes, Arc::new(east)));

    sleep(SOON).await;

    assert!(west.scan("load/").is_empty());
}
