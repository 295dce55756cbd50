//! `POST /v1/chat/completions`.

use axum::extract::{Extension, State};
use axum::response::Response;
use http::HeaderMap;
use maily_mesh::{Caller, Format};

use super::MeshState;
use super::answer::OpenAiProblem;
use super::ask::ask;
use crate::body::Raw;

/// Answers a conversation, as one JSON object or as server-sent events.
#[utoipa::path(
    post,
    path = "/v1/chat/completions",
    tag = "mesh",
    operation_id = "mesh_complete",
    request_body(
        content = serde_json::Value,
        content_type = "application/json",
        description = "An OpenAI chat-completions request; every field reaches the node byte for byte",
    ),
    responses(
        (status = 200, description = "The answer of the node, passed through", content(
            (serde_json::Value = "application/json"),
            (String = "text/event-stream"),
        )),
        OpenAiProblem,
    ),
)]
pub(super) async fn complete(
    State(state): State<MeshState>,
    caller: Option<Extension<Caller>>,
    headers: HeaderMap,
    Raw(body): Raw,
) -> Result<Response, OpenAiProblem> {
    Ok(ask(&state, caller, &headers, Format::Chat, body).await?)
}
