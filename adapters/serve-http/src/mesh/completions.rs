//! `POST /v1/completions`.

use axum::extract::{Request, State};
use axum::response::Response;
use maily_mesh::Format;

use super::ask::ask;
use super::{MeshState, OpenAiProblem};

/// Goes on with a text, as one JSON object or as server-sent events.
#[utoipa::path(
    post,
    path = "/v1/completions",
    tag = "mesh",
    operation_id = "mesh_continue",
    request_body(
        content = serde_json::Value,
        content_type = "application/json",
        description = "An OpenAI completions request; a node that takes chat only gets the text as a message",
    ),
    responses(
        (status = 200, description = "The answer of the node", content(
            (serde_json::Value = "application/json"),
            (String = "text/event-stream"),
        )),
        OpenAiProblem,
    ),
)]
pub(super) async fn create(
    State(state): State<MeshState>,
    request: Request,
) -> Result<Response, OpenAiProblem> {
    Ok(ask(&state, Format::Completions, request).await?)
}
