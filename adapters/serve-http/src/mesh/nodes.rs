//! `GET /v1/nodes`, and nodes that register themselves.

use std::time::Duration;

use axum::extract::{Path, State};
use http::StatusCode;
use maily_errors::{Code, Error, Public, Secret};
use maily_mesh::balance::{NodeStatus, Times};
use maily_mesh::membership::{Peer, PeerStatus};
use maily_mesh::source::Leases;
use maily_mesh::{ModelName, NodeConfig, NodeName};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::MeshState;
use crate::body::Json;
use crate::reply::{Problem, Reply};

/// The nodes of the mesh, and its other instances.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct NodeList {
    /// In the order in which they came.
    nodes: Vec<NodeView>,
    /// The name of this instance; absent where it is alone.
    instance: Option<String>,
    /// The other instances by name, the dead among them for 10 minutes.
    peers: Vec<PeerView>,
}

/// Another instance of the mesh.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PeerView {
    /// Its name.
    name: String,
    /// Where it takes packets.
    address: String,
    /// Which life of it this is: grows when it starts again.
    generation: u64,
    /// How it is: `alive`, `suspect`, `dead` or `left`.
    #[schema(value_type = String)]
    status: PeerStatus,
}

impl From<Peer> for PeerView {
    fn from(peer: Peer) -> Self {
        let Peer { name, address, generation, status, .. } = peer;
        Self { name: name.to_string(), address: address.to_string(), generation, status }
    }
}

/// How long a node took for the prompts of the last five to ten minutes.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct TimesView {
    /// How many prompts the times are of; while there is none, the times are 0.
    count: u64,
    /// Half of the prompts took no longer, in milliseconds; off by an eighth at most.
    p50_ms: f64,
    /// Nine of ten took no longer.
    p90_ms: f64,
    /// 99 of a hundred took no longer.
    p99_ms: f64,
}

impl From<Times> for TimesView {
    fn from(times: Times) -> Self {
        let Times { count, p50_ms, p90_ms, p99_ms, .. } = times;
        Self { count, p50_ms, p90_ms, p99_ms }
    }
}

/// A node of the mesh.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct NodeView {
    /// Its name.
    name: String,
    /// Who named it: `static` for the settings, `registered` for itself, `gossip` for another instance, or the name of a
    /// source, such as `file`, `redis` or `kubernetes`.
    source: String,
    /// The models that it serves; none means any.
    models: Vec<String>,
    /// Where it stands.
    zone: Option<String>,
    /// How much of the prompts it takes beside the others.
    weight: f64,
    /// The share of the prompts that it takes on trial, in percent.
    canary_pct: f64,
    /// How many prompts it answers well at once.
    capacity: Option<u32>,
    /// What a million tokens cost.
    price: Option<f64>,
    /// How many prompts of this instance it answers now.
    inflight: u32,
    /// How many of them wait for their first byte.
    waiting: u32,
    /// How many prompts of other instances it answers, as they said last.
    peers_inflight: u32,
    /// The expected time to its first byte, in milliseconds.
    expected_ms: f64,
    /// How long it took to the first byte of an answer.
    first_byte: TimesView,
    /// How long it took to the last byte, of answers that came whole.
    duration: TimesView,
    /// How many prompts it was sent.
    prompts: u64,
    /// What part of all prompts that is, 0.0 to 1.0.
    share: f64,
    /// How many prompts it failed.
    failures: u64,
    /// Whether other instances find that it fails, and this one has not seen better: then it is asked once a second.
    suspect: bool,
    /// Whether its breaker lets prompts pass: `closed`, `half_open` or `open`.
    #[schema(value_type = String)]
    breaker: maily_mesh::layer::breaker::State,
    /// Whether it only finishes what was begun.
    draining: bool,
    /// Whether prompts are sent to it.
    available: bool,
    /// How long it is left out because it cannot be reached or asked for it, in milliseconds.
    out_ms: u64,
}

impl From<NodeStatus> for NodeView {
    fn from(status: NodeStatus) -> Self {
        Self {
            name: status.name.to_string(),
            source: status.source.to_string(),
            models: status.models.iter().map(ModelName::to_string).collect(),
            zone: status.zone,
            weight: status.weight,
            canary_pct: status.canary_pct,
            capacity: status.capacity,
            price: status.price,
            inflight: status.inflight,
            waiting: status.waiting,
            peers_inflight: status.peers_inflight,
            expected_ms: status.expected_ms,
            first_byte: status.first_byte.into(),
            duration: status.duration.into(),
            prompts: status.prompts,
            share: status.share,
            failures: status.failures,
            suspect: status.suspect,
            breaker: status.breaker,
            draining: status.draining,
            available: status.available,
            out_ms: status.out_ms,
        }
    }
}

/// A node that registers itself, or renews its lease.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewNode {
    /// Its name: 1 to 128 letters, digits or `-._:`.
    name: String,
    /// Where it is: an `http` or `https` URL unless the server offers others.
    url: String,
    /// The models that it serves; none means any.
    #[serde(default)]
    models: Vec<String>,
    /// The key that it wants. It is never shown again.
    key: Option<String>,
    /// How much of the prompts it takes beside the others, 0.01 to 100.0; 1.0 if absent.
    weight: Option<f64>,
    /// The exact share of the prompts that it takes on trial, in percent.
    canary_pct: Option<f64>,
    /// How many prompts it answers at once before another node with room is asked instead.
    capacity: Option<u32>,
    /// What a million tokens cost.
    price: Option<f64>,
    /// Where it stands.
    zone: Option<String>,
    /// How long the lease lasts, in milliseconds, 1000 to 3 600 000; 30 000 if absent.
    ttl_ms: Option<u64>,
}

impl NewNode {
    fn into_config(self) -> NodeConfig {
        let mut config = NodeConfig::new(NodeName::from(self.name), self.url);
        config.models = self.models.into_iter().map(ModelName::from).collect();
        config.key = self.key.map(Secret::new);
        config.weight = self.weight.unwrap_or(config.weight);
        config.canary_pct = self.canary_pct.unwrap_or(config.canary_pct);
        config.capacity = self.capacity;
        config.price = self.price;
        config.zone = self.zone;
        config
    }
}

/// What the node was granted.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct NodeLease {
    /// Its name.
    name: String,
    /// How long the lease lasts, in milliseconds. Register again after a third of it.
    ttl_ms: u64,
    /// Whether the node was there already, as it is.
    renewed: bool,
}

/// Lists the nodes with what is known of them, and the other instances.
#[utoipa::path(
    get,
    path = "/v1/nodes",
    tag = "mesh",
    operation_id = "mesh_nodes",
    responses((status = 200, description = "All nodes, in the order in which they came", body = NodeList), Problem),
)]
pub(super) async fn list(State(state): State<MeshState>) -> axum::Json<NodeList> {
    let nodes = state.parts.mesh.nodes().status().into_iter().map(NodeView::from).collect();
    let instance = state.parts.gossip.as_ref().map(|gossip| gossip.name().to_string());
    let peers = state.parts.gossip.iter().flat_map(|gossip| gossip.peers()).map(PeerView::from).collect();
    axum::Json(NodeList { nodes, instance, peers })
}

/// Registers a node, or renews its lease.
#[utoipa::path(
    post,
    path = "/v1/nodes",
    tag = "mesh",
    operation_id = "mesh_register_node",
    request_body = NewNode,
    responses(
        (status = 200, description = "The lease is renewed", body = NodeLease),
        (status = 201, description = "The node gets prompts", body = NodeLease),
        Problem,
    ),
)]
pub(super) async fn register(
    State(state): State<MeshState>,
    Json(new): Json<NewNode>,
) -> Reply<(StatusCode, axum::Json<NodeLease>)> {
    let time = new.ttl_ms.map(Duration::from_millis);
    let name = new.name.clone();
    let lease = leases(&state)?.register(new.into_config(), time)?;
    let ttl_ms = u64::try_from(lease.time.as_millis()).unwrap_or(u64::MAX);
    let status = if lease.renewed { StatusCode::OK } else { StatusCode::CREATED };
    Ok((status, axum::Json(NodeLease { name, ttl_ms, renewed: lease.renewed })))
}

/// Ends the lease of a node; prompts under way are finished.
#[utoipa::path(
    delete,
    path = "/v1/nodes/{name}",
    tag = "mesh",
    operation_id = "mesh_remove_node",
    params(("name" = String, Path, description = "The name of the node")),
    responses((status = 204, description = "It gets no more prompts, and is not listed any more"), Problem),
)]
pub(super) async fn remove(State(state): State<MeshState>, Path(name): Path<String>) -> Reply<StatusCode> {
    leases(&state)?.remove(&name)?;
    Ok(StatusCode::NO_CONTENT)
}

/// Sends no more prompts to a node, which finishes those under way.
#[utoipa::path(
    post,
    path = "/v1/nodes/{name}/drain",
    tag = "mesh",
    operation_id = "mesh_drain_node",
    params(("name" = String, Path, description = "The name of the node")),
    responses((status = 202, description = "It drains; it is empty when `inflight` is 0", body = NodeView), Problem),
)]
pub(super) async fn drain(
    State(state): State<MeshState>,
    Path(name): Path<String>,
) -> Reply<(StatusCode, axum::Json<NodeView>)> {
    let there_is_one = state.parts.mesh.nodes().drain(&name);
    Ok((StatusCode::ACCEPTED, axum::Json(view(&state, there_is_one, &name)?)))
}

/// Sends prompts to a node again.
#[utoipa::path(
    delete,
    path = "/v1/nodes/{name}/drain",
    tag = "mesh",
    operation_id = "mesh_undrain_node",
    params(("name" = String, Path, description = "The name of the node")),
    responses((status = 200, description = "It gets prompts again", body = NodeView), Problem),
)]
pub(super) async fn undrain(
    State(state): State<MeshState>,
    Path(name): Path<String>,
) -> Reply<axum::Json<NodeView>> {
    let there_is_one = state.parts.mesh.nodes().undrain(&name);
    Ok(axum::Json(view(&state, there_is_one, &name)?))
}

fn view(state: &MeshState, there_is_one: bool, name: &str) -> Result<NodeView, Error> {
    let nodes = state.parts.mesh.nodes().status().into_iter();
    let status = nodes.filter(|_| there_is_one).find(|node| node.name.as_str() == name);
    status.map(NodeView::from).ok_or_else(|| {
        Error::new(Code::NodeNotFound, "the mesh has no node of this name")
            .with_operation("serve_http::nodes")
            .with_context("node", Public(name))
    })
}

fn leases(state: &MeshState) -> Result<&Leases, Error> {
    state.parts.leases.as_ref().ok_or_else(|| {
        Error::new(Code::Forbidden, "nodes may not register at this server")
            .with_operation("serve_http::nodes")
    })
}
