//! Refusals of a request that no route of the mesh has seen.

use axum::response::{IntoResponse, Response};
use maily_errors::Error;

use super::{AnthropicProblem, OpenAiProblem};
use crate::reply::Problem;

/// Writes an error as the route at this path writes its own, for whoever stands in front of the routes.
///
/// Clients of `OpenAI` and of Anthropic find their envelope in it; any other path has a problem document.
#[must_use]
pub fn refuse(path: &str, err: Error) -> Response {
    match path {
        "/v1/messages" | "/v1/messages/count_tokens" => AnthropicProblem::from(err).into_response(),
        "/v1/chat/completions"
        | "/v1/completions"
        | "/v1/embeddings"
        | "/v1/models"
        | "/v1/responses"
        | "/v1/responses/input_tokens" => OpenAiProblem::from(err).into_response(),
        path if path.starts_with("/v1/models/") => OpenAiProblem::from(err).into_response(),
        _ => Problem::from(err).into_response(),
    }
}
