//! `GET /v1/usage`.

use axum::extract::{Extension, State};
use maily_mesh::Caller;
use maily_mesh::layer::limit::{self, KeyUsage as Standing};
use serde::Serialize;
use utoipa::ToSchema;

use super::MeshState;
use crate::reply::Problem;

/// What keys have spent and have left.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Usage {
    /// By name; a key sees itself only.
    keys: Vec<KeyUsage>,
}

/// What a key has spent and has left.
#[derive(Debug, Serialize, ToSchema)]
struct KeyUsage {
    /// Its name.
    key: String,
    /// The best class of its prompts.
    priority: &'static str,
    /// How many of its prompts are under way at this instance.
    running: u32,
    /// How many may be.
    concurrent: Option<u32>,
    /// How many prompts this instance took on.
    requests: u64,
    /// The tokens of those that ended.
    tokens: u64,
    /// What they cost, in millionths of the currency of the prices.
    cost_micros: u64,
    /// Its limits.
    limits: Vec<LimitUsage>,
}

/// One limit of a key, in its window.
#[derive(Debug, Serialize, ToSchema)]
struct LimitUsage {
    /// What is counted: `requests`, `tokens` or `micros`.
    unit: &'static str,
    /// In which time: `minute`, `day`, `month` or `total`.
    per: &'static str,
    /// How much there is.
    limit: u64,
    /// How much is spent, by all instances; what another one has drawn counts as spent.
    spent: u64,
    /// How much prompts under way hold here.
    reserved: u64,
    /// How much is left.
    remaining: u64,
    /// When the window ends, in seconds since 1970; none for a limit that does not end.
    ends: Option<u64>,
}

impl From<Standing> for KeyUsage {
    fn from(usage: Standing) -> Self {
        Self {
            key: usage.key.to_string(),
            priority: usage.priority.as_str(),
            running: usage.running,
            concurrent: usage.concurrent,
            requests: usage.requests,
            tokens: usage.tokens,
            cost_micros: usage.cost_micros,
            limits: usage.limits.into_iter().map(LimitUsage::from).collect(),
        }
    }
}

impl From<limit::LimitUsage> for LimitUsage {
    fn from(usage: limit::LimitUsage) -> Self {
        Self {
            unit: usage.unit.as_str(),
            per: usage.per.as_str(),
            limit: usage.limit,
            spent: usage.spent,
            reserved: usage.reserved,
            remaining: usage.remaining,
            ends: usage.ends,
        }
    }
}

/// Says what keys have spent and have left.
#[utoipa::path(
    get,
    path = "/v1/usage",
    tag = "mesh",
    operation_id = "mesh_usage",
    responses((status = 200, description = "The key of the caller, or all if it has none", body = Usage), Problem),
)]
pub(super) async fn list(
    State(state): State<MeshState>,
    caller: Option<Extension<Caller>>,
) -> axum::Json<Usage> {
    let keys = state.parts.mesh.keys();
    let usage = match caller.and_then(|Extension(caller)| caller.key) {
        Some(key) => keys.usage_of(key.as_str()).into_iter().collect(),
        None => keys.usage(),
    };
    axum::Json(Usage { keys: usage.into_iter().map(KeyUsage::from).collect() })
}
