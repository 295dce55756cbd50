//! `POST /v1/chat/completions`.

use axum::extract::{Request, State};
use axum::response::Response;
use maily_mesh::Format;

use super::MeshState;
use super::answer::OpenAiProblem;
use super::ask::ask;

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
    request: Request,
) -> Result<Response, OpenAiProblem> {
    Ok(ask(&state, Format::Chat, request).await?)
}
