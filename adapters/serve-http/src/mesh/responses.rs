//! `POST /v1/responses` and its count of tokens.

use axum::extract::{Request, State};
use axum::response::Response;
use http::HeaderMap;
use maily_mesh::Format;
use serde::Serialize;
use utoipa::ToSchema;

use super::ask::{ask, count};
use super::{MeshState, OpenAiProblem};

/// How many tokens a prompt has.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct InputTokens {
    /// Always `response.input_tokens`.
    object: &'static str,
    /// As a node counts them, or an estimate with `x-maily-estimated`: a quarter of the bytes of all texts, 1600 for a picture.
    input_tokens: u32,
}

/// Answers a conversation, as one JSON object or as typed events.
#[utoipa::path(
    post,
    path = "/v1/responses",
    tag = "mesh",
    operation_id = "mesh_respond",
    request_body(
        content = serde_json::Value,
        content_type = "application/json",
        description = "An OpenAI responses request; a node that takes responses gets it byte for byte",
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
    Ok(ask(&state, Format::Responses, request).await?)
}

/// Counts the tokens of a prompt, at a node that does so or by its bytes; to a key it is a request.
#[utoipa::path(
    post,
    path = "/v1/responses/input_tokens",
    tag = "mesh",
    operation_id = "mesh_input_tokens",
    request_body(content = serde_json::Value, content_type = "application/json"),
    responses((status = 200, description = "The count of a node, or an estimate with `x-maily-estimated: true`", body = InputTokens), OpenAiProblem),
)]
pub(super) async fn input_tokens(
    State(state): State<MeshState>,
    request: Request,
) -> Result<(HeaderMap, axum::Json<InputTokens>), OpenAiProblem> {
    let (headers, input_tokens) = count(&state, Format::Responses, request).await?;
    Ok((headers, axum::Json(InputTokens { object: "response.input_tokens", input_tokens })))
}
