//! What the routes of all formats share.

use std::mem;

use axum::extract::Request;
use axum::response::Response;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue};
use maily_errors::{Code, Error, Public, Result};
use maily_mesh::{Caller, Format, ModelName, Prompt};

use super::MeshState;
use super::answer::pass;
use super::protocol::Said;
use crate::body::whole;

/// A request as the routes of prompts take it; nothing of it is copied.
pub(super) struct Asked {
    pub(super) caller: Option<Caller>,
    headers: HeaderMap,
    pub(super) body: Bytes,
}

impl Asked {
    pub(super) async fn read(mut request: Request) -> Result<Self> {
        let headers = mem::take(request.headers_mut());
        let caller = request.extensions_mut().remove();
        let body = whole(request.into_body(), Prompt::MAX_BYTES).await?;
        Ok(Self { caller, headers, body })
    }

    /// Reads the prompt; the headers are of no use to anybody after that.
    fn into_prompt(self, format: Format) -> Result<Prompt> {
        let said = Said::of(&self.headers);
        let prompt = said.note(Prompt::parse_as(format, self.body)?)?;
        prompt.with_caller(self.caller.as_ref(), said.tenant()?)
    }
}

/// Answers a prompt of any format, in that format.
pub(super) async fn ask(state: &MeshState, format: Format, request: Request) -> Result<Response> {
    answer(state, format, Asked::read(request).await?).await
}

pub(super) async fn answer(state: &MeshState, format: Format, asked: Asked) -> Result<Response> {
    let prompt = asked.into_prompt(format)?;
    Ok(pass(state.parts.mesh.complete(prompt).await?))
}

/// Counts a request of a caller that takes no tokens, and returns the headers that say what its key has left.
pub(super) async fn charge(
    state: &MeshState,
    caller: Option<&Caller>,
    format: Format,
    model: Option<&ModelName>,
) -> Result<HeaderMap> {
    let key = caller.and_then(|caller| caller.key.as_ref());
    let mut headers = HeaderMap::new();
    state.parts.mesh.keys().charge(key, format, model, 0).await?.write_headers(&mut headers);
    Ok(headers)
}

/// Counts the tokens of a prompt for a model that some node serves. To the key of the caller it is a request without
/// tokens.
pub(super) async fn count(state: &MeshState, format: Format, request: Request) -> Result<(HeaderMap, u32)> {
    let Asked { caller, headers, body } = Asked::read(request).await?;
    let prompt = Said::of(&headers).note(Prompt::parse_as(format, body)?)?;
    let model = &prompt.head.model;
    let mut headers = charge(state, caller.as_ref(), format, Some(model)).await?;
    let default = |name: &ModelName| name.as_str() == ModelName::DEFAULT;
    let served = state.parts.mesh.nodes().models();
    // A node that serves any model stands in the list under `default`.
    if served.iter().any(|status| status.id == *model || default(&status.id))
        || (default(model) && !served.is_empty())
    {
        let count = state.parts.mesh.count_tokens(prompt).await?;
        match count.node.and_then(|node| HeaderValue::from_str(node.as_str()).ok()) {
            Some(node) => headers.insert("x-maily-node", node),
            None => headers.insert("x-maily-estimated", HeaderValue::from_static("true")),
        };
        return Ok((headers, count.tokens));
    }
    Err(Error::new(Code::ModelNotFound, "no node serves this model")
        .with_operation("serve_http::count")
        .with_context("model", Public(model.as_str())))
}
