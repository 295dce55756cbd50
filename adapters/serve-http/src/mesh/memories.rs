//! `/v1/memories`: store, search, list, forget.

use std::time::Duration;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Extension, Path, Query, State};
use http::{HeaderMap, StatusCode};
use maily_errors::{Code, Error};
use maily_mesh::{Caller, Format, Memory, MemoryId, MemoryPage, MemoryQuery, Recalled, Remembered, Tenant};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::MeshState;
use super::ask::charge;
use crate::body::Json;
use crate::reply::{Problem, Reply};

/// A text to remember.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewMemory {
    /// The text, 1 to 65 536 bytes.
    text: String,
    /// Whose memory it is, at most 256 bytes: the caller's own or one below it; the own one if absent.
    tenant: Option<String>,
    /// After how many seconds it is forgotten by itself, 1 to 3 162 240 000; never if absent.
    ttl_s: Option<u64>,
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
    /// Whose memories to search; the caller's own one if absent.
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
    /// Where it stands among what was found, 0.0 to 1.0; 1.0 is the first by meaning and by words.
    score: f32,
    /// How near its meaning is, -1.0 to 1.0.
    similarity: f32,
    /// How much of the words of the query it holds, 0.0 to 1.0.
    words: f32,
}

/// Whose memories to list, and from where on.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct MemoryList {
    /// Whose memories to list; the caller's own one if absent.
    tenant: Option<String>,
    /// The `next` of the page before; none for the first page.
    after: Option<String>,
    /// The most memories of a page, 1 to 100; 20 if absent.
    limit: Option<usize>,
}

/// A page of what is stored, the oldest first.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct StoredMemories {
    /// The memories.
    memories: Vec<ListedMemory>,
    /// What to ask for as `after`; absent on the last page.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// A memory as it was stored.
#[derive(Debug, Serialize, ToSchema)]
struct ListedMemory {
    /// To forget it by.
    id: String,
    /// Its text.
    text: String,
    /// When it was stored, in milliseconds since 1970.
    created_ms: u64,
    /// When it is forgotten by itself, in milliseconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    ends_ms: Option<u64>,
}

/// Whose memory to forget.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct MemoryOwner {
    /// Whose memory it is; the caller's own one if absent.
    tenant: Option<String>,
}

/// Whose memories to forget, all of them.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ForgottenTenant {
    /// The tenant, which has to be named.
    tenant: String,
}

/// How much was forgotten.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ForgottenMemories {
    /// How many memories there were.
    forgotten: usize,
}

impl From<Recalled> for FoundMemory {
    fn from(found: Recalled) -> Self {
        let Recalled { id, text, score, similarity, words, .. } = found;
        Self { id: id.to_string(), text, score, similarity, words }
    }
}

impl From<Remembered> for ListedMemory {
    fn from(memory: Remembered) -> Self {
        let Remembered { id, text, created_ms, ends_ms, .. } = memory;
        Self { id: id.to_string(), text, created_ms, ends_ms }
    }
}

/// Remembers a text; to a key it is a request.
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
    caller: Option<Extension<Caller>>,
    Json(new): Json<NewMemory>,
) -> Reply<(StatusCode, HeaderMap, axum::Json<StoredMemory>)> {
    let memory = Memory::new(new.text).with_tenant(tenant(caller.as_deref(), new.tenant)?);
    let memory = new.ttl_s.map(Duration::from_secs).into_iter().fold(memory, Memory::with_ttl);
    let recall = state.recall()?;
    let headers = charge(&state, caller.as_deref(), Format::Chat, None).await?;
    let id = recall.store(memory).await?;
    Ok((StatusCode::CREATED, headers, axum::Json(StoredMemory { id: id.to_string() })))
}

/// Finds the memories that fit a text best; to a key it is a request.
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
    caller: Option<Extension<Caller>>,
    Json(search): Json<MemorySearch>,
) -> Reply<(HeaderMap, axum::Json<FoundMemories>)> {
    let query = MemoryQuery::new(search.query).with_tenant(tenant(caller.as_deref(), search.tenant)?);
    let query = search.limit.into_iter().fold(query, MemoryQuery::with_limit);
    let recall = state.recall()?;
    let headers = charge(&state, caller.as_deref(), Format::Chat, None).await?;
    let found = recall.search(query).await?;
    Ok((headers, axum::Json(FoundMemories { memories: found.into_iter().map(Into::into).collect() })))
}

/// Lists what a tenant has stored, page by page.
#[utoipa::path(
    get,
    path = "/v1/memories",
    tag = "mesh",
    operation_id = "mesh_memories",
    params(
        ("tenant" = Option<String>, Query, description = "Whose memories to list; the caller's own one if absent"),
        ("after" = Option<String>, Query, description = "The `next` of the page before"),
        ("limit" = Option<usize>, Query, description = "The most memories of a page, 1 to 100; 20 if absent"),
    ),
    responses((status = 200, description = "A page, the oldest first", body = StoredMemories), Problem),
)]
pub(super) async fn list(
    State(state): State<MeshState>,
    caller: Option<Extension<Caller>>,
    list: Result<Query<MemoryList>, QueryRejection>,
) -> Reply<axum::Json<StoredMemories>> {
    let Query(list) = list.map_err(wrong_query)?;
    let page = MemoryPage::new(tenant(caller.as_deref(), list.tenant)?);
    let page = list.limit.into_iter().fold(page, MemoryPage::with_limit);
    let page = list.after.map(MemoryId::from).into_iter().fold(page, MemoryPage::with_after);
    let limit = page.limit;
    let memories = state.recall()?.list(page).await?;
    let next = memories.last().filter(|_| memories.len() == limit).map(|last| last.id.to_string());
    Ok(axum::Json(StoredMemories { memories: memories.into_iter().map(Into::into).collect(), next }))
}

/// Forgets a memory.
#[utoipa::path(
    delete,
    path = "/v1/memories/{id}",
    tag = "mesh",
    operation_id = "mesh_forget",
    params(
        ("id" = String, Path, description = "The name of the memory"),
        ("tenant" = Option<String>, Query, description = "Whose memory it is; the caller's own one if absent"),
    ),
    responses((status = 204, description = "It is forgotten"), Problem),
)]
pub(super) async fn forget(
    State(state): State<MeshState>,
    caller: Option<Extension<Caller>>,
    Path(id): Path<String>,
    owner: Result<Query<MemoryOwner>, QueryRejection>,
) -> Reply<StatusCode> {
    let Query(owner) = owner.map_err(wrong_query)?;
    if state.recall()?.forget(&tenant(caller.as_deref(), owner.tenant)?, &MemoryId::new(id)).await? {
        return Ok(StatusCode::NO_CONTENT);
    }
    Err(Error::new(Code::NotFound, "there is no such memory").with_operation("serve_http::memories").into())
}

/// Forgets all memories of a tenant.
#[utoipa::path(
    delete,
    path = "/v1/memories",
    tag = "mesh",
    operation_id = "mesh_forget_tenant",
    params(("tenant" = String, Query, description = "The tenant, which has to be named")),
    responses((status = 200, description = "They are forgotten", body = ForgottenMemories), Problem),
)]
pub(super) async fn forget_tenant(
    State(state): State<MeshState>,
    caller: Option<Extension<Caller>>,
    owner: Result<Query<ForgottenTenant>, QueryRejection>,
) -> Reply<axum::Json<ForgottenMemories>> {
    let Query(owner) = owner.map_err(wrong_query)?;
    let forgotten = state.recall()?.forget_all(&tenant(caller.as_deref(), Some(owner.tenant))?).await?;
    Ok(axum::Json(ForgottenMemories { forgotten }))
}

fn tenant(caller: Option<&Caller>, named: Option<String>) -> Result<Tenant, Error> {
    Tenant::of(caller, named.map(Tenant::from))
}

fn wrong_query(err: QueryRejection) -> Error {
    Error::new(Code::Invalid, "the query lacks a field, or has one that this route does not know")
        .with_operation("serve_http::memories")
        .with_source(err)
}
