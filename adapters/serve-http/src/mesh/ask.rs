//! What the routes of all formats share.

use axum::response::Response;
use bytes::Bytes;
use http::HeaderMap;
use maily_errors::{Code, Error, Public, Result, TraceContext};
use maily_mesh::{Format, ModelName, Prompt};

use super::MeshState;
use super::answer::pass;

/// Answers a prompt of any format, in that format.
pub(super) async fn ask(
    state: &MeshState,
    headers: &HeaderMap,
    format: Format,
    body: Bytes,
) -> Result<Response> {
    let mut prompt = Prompt::parse_as(format, body)?;
    // Without a layer that reads it for every route.
    if let Some(trace) = TraceContext::current().or_else(|| TraceContext::from_headers(headers)) {
        prompt = prompt.with_trace(trace);
    }
    Ok(pass(state.mesh.complete(prompt).await?))
}

/// Estimates how many tokens a prompt has, for a model that some node serves.
pub(super) fn count(state: &MeshState, format: Format, body: Bytes) -> Result<u32> {
    let prompt = Prompt::parse_as(format, body)?;
    let model = &prompt.head.model;
    let default = |name: &ModelName| name.as_str() == ModelName::DEFAULT;
    let served = state.mesh.nodes().models();
    // A node that serves any model stands in the list under `default`.
    if served.iter().any(|status| status.id == *model || default(&status.id))
        || (default(model) && !served.is_empty())
    {
        return Ok(prompt.estimate_tokens());
    }
    Err(Error::new(Code::ModelNotFound, "no node serves this model")
        .with_operation("serve_http::count")
        .with_context("model", Public(model.as_str())))
}
