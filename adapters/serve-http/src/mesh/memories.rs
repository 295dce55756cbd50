//! `POST /v1/memories` and its search.

use axum::extract::{Path, State};
use http::StatusCode;
use maily_errors::{Code, Error};
use maily_mesh::{Memory, MemoryId, MemoryQuery, Recalled, Tenant};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::MeshState;
use crate::body::Json;
use crate::reply::{Problem, Reply};

/// A text to remember.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewMemory {
    /// The text, 1 to 65 536 bytes.
    text: String,
    /// Whose memory it is; `default` if absent.
    tenant: Option<String>,
}

/// The name of a memory.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct StoredMemory {
    /// To forget it by.
    id: String,
}

/// A question to the memories of one tenant.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct MemorySearch {
    /// What to look for.
    query: String,
    /// Whose memories to search; `default` if absent.
    tenant: Option<String>,
    /// The most answers, 1 to 100; 5 if absent.
    limit: Option<usize>,
}

/// What was found, best first.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct FoundMemories {
    /// The memories.
    memories: Vec<FoundMemory>,
}

/// A memory that was found.
#[derive(Debug, Serialize, ToSchema)]
struct FoundMemory {
    /// To forget it by.
    id: String,
    /// Its text.
    text: String,
    /// How well it fits, -1.0 to 1.0.
    score: f32,
}

impl From<Recalled> for FoundMemory {
    fn from(Recalled { id, text, score }: Recalled) -> Self {
        Self { id: id.to_string(), text, score }
    }
}

/// Remembers a text.
#[utoipa::path(
    post,
    path = "/v1/memories",
    tag = "mesh",
    operation_id = "mesh_remember",
    request_body = NewMemory,
    responses((status = 201, description = "It is stored", body = StoredMemory), Problem),
)]
pub(super) async fn store(
    State(state): State<MeshState>,
    Json(new): Json<NewMemory>,
) -> Reply<(StatusCode, axum::Json<StoredMemory>)> {
    let memory = Memory::new(new.text).with_tenant(tenant(new.tenant));
    let id = state.recall()?.store(memory).await?;
    Ok((StatusCode::CREATED, axum::Json(StoredMemory { id: id.to_string() })))
}

/// Finds the memories that fit a text best.
#[utoipa::path(
    post,
    path = "/v1/memories/search",
    tag = "mesh",
    operation_id = "mesh_search",
    request_body = MemorySearch,
    responses((status = 200, description = "What fits, best first", body = FoundMemories), Problem),
)]
pub(super) async fn search(
    State(state): State<MeshState>,
    Json(search): Json<MemorySearch>,
) -> Reply<axum::Json<FoundMemories>> {
    let query = MemoryQuery::new(search.query).with_tenant(tenant(search.tenant));
    let query = search.limit.into_iter().fold(query, MemoryQuery::with_limit);
    let found = state.recall()?.search(query).await?;
    Ok(axum::Json(FoundMemories { memories: found.into_iter().map(Into::into).collect() }))
}

/// Forgets a memory of the default tenant.
#[utoipa::path(
    delete,
    path = "/v1/memories/{id}",
    tag = "mesh",
    operation_id = "mesh_forget",
    params(("id" = String, Path, description = "The name of the memory")),
    responses((status = 204, description = "It is forgotten"), Problem),
)]
pub(super) async fn forget(State(state): State<MeshState>, Path(id): Path<String>) -> Reply<StatusCode> {
    if state.recall()?.forget(&Tenant::default(), &MemoryId::new(id)).await? {
        return Ok(StatusCode::NO_CONTENT);
    }
    Err(Error::new(Code::NotFound, "there is no such memory").with_operation("serve_http::memories").into())
}

fn tenant(name: Option<String>) -> Tenant {
    name.map_or_else(Tenant::default, Tenant::from)
}
