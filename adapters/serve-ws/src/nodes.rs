//! The nodes of a mesh as they are, over a WebSocket: `GET /v1/nodes/live`.
//!
//! The server sends JSON text messages `{"type":"nodes","seq":N,"nodes":[..]}`, whose nodes are those of `GET /v1/nodes`:
//! one at once, then one whenever something has changed, at most four in a second. A reader that is slower gets what is
//! true when it reads, and nothing of what was in between; the numbers have no gap. A message of the client is answered
//! with `{"type":"error","problem":{..}}`: this socket only speaks.
//!
//! Times to the first byte fade while nobody asks; that alone is a change only when it is one of a tenth.

use std::time::Duration;

use axum::Router;
use axum::routing::get;
use maily_errors::{Code, Error};
use maily_mesh::balance::{NodeStatus, Nodes};
use serde::Serialize;
use tokio::time::{MissedTickBehavior, interval};

use crate::{Socket, Sockets, Upgrade};

/// Makes the route of the live nodes.
pub fn router(nodes: Nodes, sockets: Sockets) -> Router {
    let live = async move |upgrade: Upgrade| {
        let nodes = nodes.clone();
        sockets.serve(upgrade, "nodes", move |socket| watch(socket, nodes))
    };
    Router::new().route("/v1/nodes/live", get(live))
}

#[derive(Serialize)]
#[serde(tag = "type", rename = "nodes")]
struct Topology<'a> {
    seq: u64,
    nodes: &'a [NodeStatus],
}

/// Sends the nodes when they have changed, until one of the two ends.
///
/// Nothing waits in memory for a slow reader: what is sent is looked at when the message before has left.
async fn watch(mut socket: Socket, nodes: Nodes) {
    let mut ticks = interval(LEAST);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut sent: Option<Vec<NodeStatus>> = None;
    let mut seq = 0;
    loop {
        let told = tokio::select! {
            _ = ticks.tick() => {
                let now = nodes.status();
                if sent.as_deref().is_some_and(|sent| !differs(sent, &now)) {
                    continue;
                }
                seq += 1;
                let told = socket.send_json(&Topology { seq, nodes: &now }).await;
                sent = Some(now);
                told
            }
            heard = socket.recv() => match heard {
                Some(Ok(_)) => socket.send_error(&talked()).await,
                Some(Err(err)) => socket.send_error(&err).await,
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
