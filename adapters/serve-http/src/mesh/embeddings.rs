//! `POST /v1/embeddings`.

use std::borrow::Cow;

use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;
use maily_errors::{Code, Error, Public, Result};
use maily_mesh::{Caller, Embedding, Format, ModelName, Texts, Usage};
use serde::{Deserialize, Serialize};
use tower::ServiceExt;
use utoipa::ToSchema;

use super::ask::{Asked, answer};
use super::{MeshState, OpenAiProblem};
use crate::body::decode;

/// Texts to turn into vectors.
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct EmbeddingsRequest {
    /// One text or up to 2048, each of at most 65 536 bytes.
    input: EmbeddingsInput,
    /// The model: a node that serves it and takes embeddings is asked, and otherwise the server's own model.
    #[serde(default)]
    model: String,
    /// How the values are written.
    #[serde(default)]
    encoding_format: EmbeddingEncoding,
    /// How many values a vector is to have: those of the model, if anything.
    dimensions: Option<usize>,
}

/// One text or several.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(untagged)]
enum EmbeddingsInput {
    One(String),
    Many(Vec<String>),
}

/// How the values of a vector are written.
#[derive(Clone, Copy, Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum EmbeddingEncoding {
    /// Little-endian 32-bit floats, in base64.
    Base64,
    /// Numbers.
    #[default]
    Float,
}

/// The vectors, in the order of the texts.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Embeddings {
    /// Always `list`.
    object: &'static str,
    /// The vectors.
    data: Vec<EmbeddingItem>,
    /// The model that was asked for.
    model: String,
    /// An estimate, by bytes: so many tokens count for the key.
    #[schema(value_type = serde_json::Value)]
    usage: Usage,
}

/// One vector.
#[derive(Debug, Serialize, ToSchema)]
struct EmbeddingItem {
    /// Always `embedding`.
    object: &'static str,
    /// The place of its text.
    index: usize,
    /// The values, of length 1 together.
    embedding: EmbeddingValues,
}

/// The values, as numbers or in base64.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
enum EmbeddingValues {
    Base64(String),
    Float(Vec<f32>),
}

/// Turns texts into vectors: at a node that serves the model and takes embeddings, byte for byte, or in the server.
#[utoipa::path(
    post,
    path = "/v1/embeddings",
    tag = "mesh",
    operation_id = "mesh_embed",
    request_body = EmbeddingsRequest,
    responses((status = 200, description = "One vector for each text", body = Embeddings), OpenAiProblem),
)]
pub(super) async fn create(
    State(state): State<MeshState>,
    request: Request,
) -> Result<Response, OpenAiProblem> {
    let asked = Asked::read(request).await?;
    if is_served(&state, &asked.body) {
        return Ok(answer(&state, Format::Embeddings, asked).await?);
    }
    let request = decode(&asked.body)?;
    Ok(embed(&state, request, asked.caller.as_ref()).await?.into_response())
}

/// Whether a node takes the request.
fn is_served(state: &MeshState, body: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Named<'a> {
        #[serde(borrow)]
        model: Cow<'a, str>,
    }
    let named = serde_json::from_slice::<Named<'_>>(body);
    named.is_ok_and(|Named { model }| {
        state.parts.mesh.nodes().takes(&ModelName::new(model), Format::Embeddings)
    })
}

/// Embeds in the server.
async fn embed(
    state: &MeshState,
    request: EmbeddingsRequest,
    caller: Option<&Caller>,
) -> Result<(HeaderMap, axum::Json<Embeddings>)> {
    let texts = match request.input {
        EmbeddingsInput::One(text) => vec![text],
        EmbeddingsInput::Many(texts) => texts,
    };
    let (texts, embedder) = (Texts::new(texts)?, state.embedder()?.clone());
    let tokens = texts.estimate_tokens();
    // By the model that works, not by a name that the client is free to choose: it says what this costs.
    let named = || ModelName::new(request.model.as_str());
    let model = state.parts.embedding_model.clone().unwrap_or_else(named);
    let key = caller.and_then(|caller| caller.key.as_ref());
    let charge = state.parts.mesh.keys().charge(key, Format::Chat, Some(&model), tokens.into()).await?;
    let vectors = match embedder.oneshot(texts).await {
        Ok(vectors) => vectors,
        Err(err) => {
            charge.cancel();
            return Err(err);
        }
    };
    let has = vectors.first().map(|vector| vector.as_slice().len());
    if let (Some(wanted), Some(has)) = (request.dimensions, has)
        && wanted != has
    {
        // The work is done, and so it is paid.
        let refused = Error::new(Code::Invalid, "the model makes vectors of one length only");
        let told = refused.with_operation("serve_http::embeddings").with_context("dimensions", Public(has));
        return Err(told.with_violation("/dimensions", "must be the model's, or absent"));
    }
    let mut headers = HeaderMap::new();
    charge.write_headers(&mut headers);
    let item = |(index, vector)| EmbeddingItem {
        object: "embedding",
        index,
        embedding: write(vector, request.encoding_format),
    };
    let data = vectors.iter().enumerate().map(item).collect();
    let usage = Usage::new(tokens, 0);
    Ok((headers, axum::Json(Embeddings { object: "list", data, model: request.model, usage })))
}

fn write(vector: &Embedding, encoding: EmbeddingEncoding) -> EmbeddingValues {
    match encoding {
        EmbeddingEncoding::Float => EmbeddingValues::Float(vector.as_slice().to_vec()),
        EmbeddingEncoding::Base64 => {
            let bytes: Vec<u8> = vector.as_slice().iter().flat_map(|value| value.to_le_bytes()).collect();
            EmbeddingValues::Base64(STANDARD.encode(bytes))
        }
    }
}
