//! `GET /v1/models`.

use axum::extract::{Path, State};
use maily_errors::{Code, Error, Public};
use maily_mesh::balance::ModelStatus;
use serde::Serialize;
use utoipa::ToSchema;

use super::{MeshState, OpenAiProblem};

/// The models that the mesh serves.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ModelList {
    /// Always `list`.
    object: &'static str,
    /// The models, by name.
    data: Vec<Model>,
    /// The first of them, for clients that turn pages.
    first_id: Option<String>,
    /// The last of them.
    last_id: Option<String>,
    /// Always false: one page has them all.
    has_more: bool,
}

/// A model that the mesh serves.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Model {
    /// What a prompt calls it.
    id: String,
    /// Always `model`.
    object: &'static str,
    /// Always `model`: what Anthropic clients call it.
    #[serde(rename = "type")]
    kind: &'static str,
    /// The same as `id`.
    display_name: String,
    /// Always the beginning of 1970, as `created`.
    created_at: &'static str,
    /// Always 0: the mesh does not know when a model was made.
    created: u64,
    /// The nodes that serve it, separated by commas.
    owned_by: String,
}

impl From<ModelStatus> for Model {
    fn from(status: ModelStatus) -> Self {
        let nodes: Vec<_> = status.nodes.iter().map(|node| node.as_str()).collect();
        Self {
            id: status.id.to_string(),
            object: "model",
            kind: "model",
            display_name: status.id.to_string(),
            created_at: "1970-01-01T00:00:00Z",
            created: 0,
            owned_by: nodes.join(","),
        }
    }
}

/// Lists the models.
#[utoipa::path(
    get,
    path = "/v1/models",
    tag = "mesh",
    operation_id = "mesh_models",
    responses((status = 200, description = "All models, by name", body = ModelList)),
)]
pub(super) async fn list(State(state): State<MeshState>) -> axum::Json<ModelList> {
    let data: Vec<_> = state.parts.mesh.nodes().models().into_iter().map(Model::from).collect();
    let id = |model: Option<&Model>| model.map(|model| model.id.clone());
    let (first_id, last_id) = (id(data.first()), id(data.last()));
    axum::Json(ModelList { object: "list", data, first_id, last_id, has_more: false })
}

/// Shows one model.
#[utoipa::path(
    get,
    path = "/v1/models/{*model}",
    tag = "mesh",
    operation_id = "mesh_model",
    params(("model" = String, Path, description = "What a prompt calls it; may hold slashes")),
    responses((status = 200, description = "The model and its nodes", body = Model), OpenAiProblem),
)]
pub(super) async fn retrieve(
    State(state): State<MeshState>,
    Path(model): Path<String>,
) -> Result<axum::Json<Model>, OpenAiProblem> {
    let mut models = state.parts.mesh.nodes().models().into_iter();
    let found = models.find(|status| status.id.as_str() == model).ok_or_else(|| {
        Error::new(Code::ModelNotFound, "no node serves this model")
            .with_operation("serve_http::models")
            .with_context("model", Public(&model))
    })?;
    Ok(axum::Json(found.into()))
}
