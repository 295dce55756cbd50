//! What the routes of all formats share.

use axum::extract::Extension;
use axum::response::Response;
use bytes::Bytes;
use http::HeaderMap;
use maily_errors::{Code, Error, Public, Result};
use maily_mesh::{Caching, Format, KeyName, ModelName, Priority, Prompt};

use super::answer::pass;
use super::{MeshState, protocol};

/// Who goes first when there is more to do than can be done: `interactive` unless it says `standard` or `batch`.
const PRIORITY: &str = "x-maily-priority";

/// Answers a prompt of any format, in that format.
pub(super) async fn ask(
    state: &MeshState,
    caller: Option<Extension<KeyName>>,
    headers: &HeaderMap,
    format: Format,
    body: Bytes,
) -> Result<Response> {
    let mut prompt =
        protocol::read(Prompt::parse_as(format, body)?, headers)?.with_caching(Caching::of(headers));
    if let Some(priority) = headers.get(PRIORITY) {
        let known = priority.to_str().ok().and_then(Priority::of).ok_or_else(|| {
            Error::new(Code::Invalid, "`x-maily-priority` is `interactive`, `standard` or `batch`")
                .with_operation("serve_http::ask")
        })?;
        prompt = prompt.with_priority(known);
    }
    if let Some(Extension(key)) = caller {
        prompt = prompt.with_key(key);
    }
    Ok(pass(state.parts.mesh.complete(prompt).await?))
}

/// Estimates how many tokens a prompt has, for a model that some node serves.
pub(super) fn count(state: &MeshState, format: Format, body: Bytes) -> Result<u32> {
    let prompt = Prompt::parse_as(format, body)?;
    let model = &prompt.head.model;
    let default = |name: &ModelName| name.as_str() == ModelName::DEFAULT;
    let served = state.parts.mesh.nodes().models();
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
