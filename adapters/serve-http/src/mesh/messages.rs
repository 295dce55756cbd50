//! `POST /v1/messages` and its count of tokens.

use axum::extract::{Request, State};
use axum::response::Response;
use http::HeaderMap;
use maily_mesh::Format;
use serde::Serialize;
use utoipa::ToSchema;

use super::MeshState;
use super::anthropic::AnthropicProblem;
use super::ask::{ask, count};

/// How many tokens a prompt has.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct MessageTokens {
    /// As a node counts them, or an estimate with `x-maily-estimated`: a quarter of the bytes of all texts, 1600 for a picture.
    input_tokens: u32,
}

/// Answers a conversation, as one JSON object or as named events.
#[utoipa::path(
    post,
    path = "/v1/messages",
    tag = "mesh",
    operation_id = "mesh_message",
    request_body(
        content = serde_json::Value,
        content_type = "application/json",
        description = "An Anthropic messages request; a node that takes messages gets it byte for byte",
    ),
    responses(
        (status = 200, description = "The answer of the node", content(
            (serde_json::Value = "application/json"),
            (String = "text/event-stream"),
        )),
        AnthropicProblem,
    ),
)]
pub(super) async fn create(
    State(state): State<MeshState>,
    request: Request,
) -> Result<Response, AnthropicProblem> {
    Ok(ask(&state, Format::Messages, request).await?)
}

/// Counts the tokens of a prompt, at a node that does so or by its bytes; to a key it is a request.
#[utoipa::path(
    post,
    path = "/v1/messages/count_tokens",
    tag = "mesh",
    operation_id = "mesh_count_tokens",
    request_body(content = serde_json::Value, content_type = "application/json"),
    responses((status = 200, description = "The count of a node, or an estimate with `x-maily-estimated: true`", body = MessageTokens), AnthropicProblem),
)]
pub(super) async fn count_tokens(
    State(state): State<MeshState>,
    request: Request,
) -> Result<(HeaderMap, axum::Json<MessageTokens>), AnthropicProblem> {
    let (headers, input_tokens) = count(&state, Format::Messages, request).await?;
    Ok((headers, axum::Json(MessageTokens { input_tokens })))
}
