//! Routes of the mesh core, in the protocols of `OpenAI` and Anthropic.
//!
//! Unmodified clients work: point the base URL of an `OpenAI` client at `/v1`, that of an Anthropic client in
//! front of it. A failed call is a problem document that also carries the `error` object which the former read;
//! of messages it is the envelope which the latter read.

mod answer;
mod anthropic;
mod ask;
mod chat;
mod completions;
mod embeddings;
mod memories;
mod messages;
mod models;
mod nodes;
mod protocol;
mod refusal;
mod responses;
mod usage;

use std::fmt;
use std::sync::Arc;

use axum::extract::DefaultBodyLimit;
use maily_errors::{Code, Error};
use maily_mesh::source::Leases;
use maily_mesh::{AnyEmbed, Gossip, Mesh, ModelName, Prompt, Recall};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub use self::answer::OpenAiProblem;
pub use self::anthropic::AnthropicProblem;
pub use self::refusal::refuse;
use crate::reply::declare_problems;

/// What the routes answer from. Clones share it: each request has one.
#[derive(Clone)]
pub struct MeshState {
    parts: Arc<Parts>,
}

#[derive(Clone)]
struct Parts {
    mesh: Mesh,
    recall: Option<Arc<dyn Recall>>,
    embedder: Option<AnyEmbed>,
    embedding_model: Option<ModelName>,
    leases: Option<Leases>,
    gossip: Option<Arc<dyn Gossip>>,
}

impl MeshState {
    /// Creates a state of a mesh alone: the routes for embeddings and memories say that they are missing.
    #[must_use]
    pub fn new(mesh: Mesh) -> Self {
        let (recall, embedder, embedding_model, leases, gossip) = (None, None, None, None, None);
        Self { parts: Arc::new(Parts { mesh, recall, embedder, embedding_model, leases, gossip }) }
    }

    /// Adds the memories.
    #[must_use]
    pub fn with_recall(mut self, recall: Arc<dyn Recall>) -> Self {
        Arc::make_mut(&mut self.parts).recall = Some(recall);
        self
    }

    /// Adds the embedder.
    #[must_use]
    pub fn with_embedder(mut self, embedder: AnyEmbed) -> Self {
        Arc::make_mut(&mut self.parts).embedder = Some(embedder);
        self
    }

    /// Says which model the embedder is: whose price a key pays, and which one it must be allowed. Without it that is
    /// what the request names.
    #[must_use]
    pub fn with_embedding_model(mut self, model: impl Into<ModelName>) -> Self {
        Arc::make_mut(&mut self.parts).embedding_model = Some(model.into());
        self
    }

    /// Lets nodes register themselves; whoever owns the leases drives [`expire`](Leases::expire).
    #[must_use]
    pub fn with_leases(mut self, leases: Leases) -> Self {
        Arc::make_mut(&mut self.parts).leases = Some(leases);
        self
    }

    /// Shows the other instances beside the nodes.
    #[must_use]
    pub fn with_gossip(mut self, gossip: Arc<dyn Gossip>) -> Self {
        Arc::make_mut(&mut self.parts).gossip = Some(gossip);
        self
    }

    fn recall(&self) -> Result<&Arc<dyn Recall>, Error> {
        self.parts.recall.as_ref().ok_or_else(|| missing("this server has no memories"))
    }

    fn embedder(&self) -> Result<&AnyEmbed, Error> {
        self.parts.embedder.as_ref().ok_or_else(|| missing("this server has no embedder"))
    }
}

impl fmt::Debug for MeshState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MeshState").field("mesh", &self.parts.mesh).finish_non_exhaustive()
    }
}

/// Creates the routes of the mesh; a body may have 32 MiB.
///
/// Whoever lets callers in says who it was by a [`Caller`](maily_mesh::Caller) in the extensions of the request: then the
/// limits of its key hold, `/v1/usage` shows it nothing but its own, and it has the memories and kept answers of its tenant
/// only. A request without one is trusted, and may name any tenant.
///
/// # Examples
///
/// ```
/// use maily_mesh::{Mesh, MeshConfig};
/// use maily_serve_http::mesh::{MeshState, router};
///
/// let mesh = Mesh::new(&MeshConfig::default());
/// let (router, openapi) = router(MeshState::new(mesh)).split_for_parts();
///
/// assert!(openapi.paths.paths.contains_key("/v1/chat/completions"));
/// # let _: axum::Router = router;
/// ```
pub fn router(state: MeshState) -> OpenApiRouter {
    let others = OpenApiRouter::new()
        .routes(routes!(usage::list))
        .routes(routes!(models::list))
        .routes(routes!(models::retrieve))
        .routes(routes!(nodes::list, nodes::register))
        .routes(routes!(nodes::remove))
        .routes(routes!(nodes::drain, nodes::undrain))
        .routes(routes!(memories::store, memories::list, memories::forget_tenant))
        .routes(routes!(memories::search))
        .routes(routes!(memories::forget))
        .layer(DefaultBodyLimit::max(Prompt::MAX_BYTES));
    // Their limit is where they read the body: a layer would box the route and its answer once more for each prompt.
    let mut router = OpenApiRouter::new()
        .routes(routes!(chat::complete))
        .routes(routes!(completions::create))
        .routes(routes!(embeddings::create))
        .routes(routes!(messages::create))
        .routes(routes!(messages::count_tokens))
        .routes(routes!(responses::create))
        .routes(routes!(responses::input_tokens))
        .merge(others)
        .with_state(state);
    // A description has templates only; that the route takes names with slashes is in the parameter's text.
    let described = &mut router.get_openapi_mut().paths.paths;
    if let Some(model) = described.remove("/v1/models/{*model}") {
        described.insert("/v1/models/{model}".to_owned(), model);
    }
    declare_problems("mesh", router)
}

fn missing(message: &'static str) -> Error {
    Error::new(Code::EmbedderMissing, message).with_operation("serve_http::mesh")
}
