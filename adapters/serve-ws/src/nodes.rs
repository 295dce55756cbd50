//! The nodes of a mesh as they are, over a WebSocket: `GET /v1/nodes/live`.
//!
//! The server sends JSON text messages `{"type":"nodes","seq":N,"nodes":[..],"instance":"..","peers":[..]}`, whose nodes and
//! peers are those of `GET /v1/nodes`: one at once, then one whenever something has changed, at most four in a second. A
//! reader that is slower gets what is true when it reads, and nothing of what was in between; the numbers have no gap. A
//! message of the client is answered with `{"type":"error","problem":{..}}`: this socket only speaks.
//!
//! Times to the first byte fade while nobody asks; that alone is a change only when it is one of a tenth.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use maily_errors::{Code, Error};
use maily_mesh::Gossip;
use maily_mesh::balance::{NodeStatus, Nodes};
use maily_mesh::membership::{InstanceName, Peer};
use serde::Serialize;
use tokio::time::{MissedTickBehavior, interval};

use crate::{Socket, Sockets, Upgrade};

/// What is told: the nodes, and the other instances where there are any.
#[derive(Clone)]
pub struct Live {
    nodes: Nodes,
    gossip: Option<Arc<dyn Gossip>>,
}

impl Live {
    /// Tells of the other instances too.
    #[must_use]
    pub fn with_gossip(mut self, gossip: Arc<dyn Gossip>) -> Self {
        self.gossip = Some(gossip);
        self
    }
}

impl From<Nodes> for Live {
    fn from(nodes: Nodes) -> Self {
        Self { nodes, gossip: None }
    }
}

impl fmt::Debug for Live {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Live").field("nodes", &self.nodes).finish_non_exhaustive()
    }
}

/// Makes the route of the live nodes.
pub fn router(live: impl Into<Live>, sockets: Sockets) -> Router {
    let live = live.into();
    let route = async move |upgrade: Upgrade| {
        let live = live.clone();
        sockets.serve(upgrade, "nodes", move |socket| watch(socket, live))
    };
    Router::new().route("/v1/nodes/live", get(route))
}

#[derive(Serialize)]
#[serde(tag = "type", rename = "nodes")]
struct Topology<'a> {
    seq: u64,
    nodes: &'a [NodeStatus],
    instance: Option<InstanceName>,
    peers: &'a [Peer],
}

/// Sends the nodes when they have changed, until one of the two ends.
///
/// Nothing waits in memory for a slow reader: what is sent is looked at when the message before has left.
async fn watch(mut socket: Socket, Live { nodes, gossip }: Live) {
    let mut ticks = interval(LEAST);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let instance = gossip.as_ref().map(|gossip| gossip.name());
    let mut sent: Option<(Vec<NodeStatus>, Vec<Peer>)> = None;
    let mut seq = 0;
    loop {
        let told = tokio::select! {
            _ = ticks.tick() => {
                let now = nodes.status();
                let peers: Vec<Peer> = gossip.iter().flat_map(|gossip| gossip.peers()).collect();
                if sent.as_ref().is_some_and(|(nodes, known)| *known == peers && !differs(nodes, &now)) {
                    continue;
                }
                seq += 1;
                let topology = Topology { seq, nodes: &now, instance: instance.clone(), peers: &peers };
                let told = socket.send_json(&topology).await;
                sent = Some((now, peers));
                told
            }
            heard = socket.recv() => match heard {
                Some(Ok(_)) => socket.send_unread(&talked()).await,
                Some(Err(err)) => socket.send_unread(&err).await,
                None => return,
            },
        };
        if told.is_err() {
            return;
        }
    }
}

fn differs(before: &[NodeStatus], now: &[NodeStatus]) -> bool {
    let alike = |before: &NodeStatus, now: &NodeStatus| {
        let near = (before.expected_ms - now.expected_ms).abs() <= (before.expected_ms / 10.0).max(1.0);
        // How long a node is still left out runs by itself; that it is back is a change of `available`.
        let mut rest = now.clone();
        (rest.expected_ms, rest.out_ms) = (before.expected_ms, before.out_ms);
        near && *before == rest
    };
    before.len() != now.len() || before.iter().zip(now).any(|(before, now)| !alike(before, now))
}

fn talked() -> Error {
    Error::new(Code::SocketMessage, "this socket only speaks").with_operation("serve_ws::nodes")
}

/// The least time between two messages.
const LEAST: Duration = Duration::from_millis(250);
