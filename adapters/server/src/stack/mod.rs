//! What is served: each core behind its layers, all behind one guard.

pub mod analytics;
pub mod canvas;
mod embed;
pub mod limits;
mod memories;
pub mod mesh;
mod metrics;
pub mod nodes;
pub(crate) mod redis;
mod streams;
pub mod trust;

use std::path::PathBuf;

use axum::Router;
use axum::body::Body;
use axum::extract::DefaultBodyLimit;
use axum::response::Response;
use bytes::Bytes;
use http_body_util::{Either, Full};
use maily_errors::layer::catch_panic::CatchPanicLayer;
use maily_errors::layer::problem::ProblemLayer;
use maily_errors::layer::trace::TraceLayer;
use maily_errors::{Code, Error, LogReport};
use maily_mesh::layer::limit::Keys;
use maily_serve_http::mesh::MeshState;
use maily_serve_ws::Sockets;
use tokio_util::sync::CancellationToken;
use tower::ServiceBuilder;
use tower::util::MapResponseLayer;
use utoipa::openapi::{ContactBuilder, InfoBuilder, LicenseBuilder, OpenApiBuilder};
use utoipa_axum::router::OpenApiRouter;

use crate::cli::Core;
use crate::config::Config;
use crate::http::{
    Guard, MeasureLayer, Running, keep_up, listen, pages, problem_fallback, problem_wrong_method,
};
use crate::journey::Live;

/// A server, and what it does without.
#[derive(Debug)]
#[non_exhaustive]
pub struct Started {
    /// The server.
    pub running: Running,
    /// The gossip with other instances of the mesh, if it is on.
    pub sharing: Option<mesh::Sharing>,
    /// What keys may spend, if there are keys.
    pub limits: Option<limits::Limits>,
    /// What is missing on this machine, in words for a person.
    pub without: Vec<&'static str>,
}

/// Builds the cores that are asked for and serves them.
///
/// # Errors
///
/// What a core answers when it is opened, or those of [`listen`]. Nothing listens then.
pub async fn start(config: &Config, cores: &[Core], live: Live) -> Result<Started, Error> {
    let draining = CancellationToken::new();
    let sockets = Sockets::new(config.sockets.clone());
    let rendered = metrics::record()?;

    let mut api = OpenApiRouter::with_openapi(OpenApiBuilder::new().info(info()).build());
    let mut streams = Router::new();
    let mut without = Vec::new();
    let (mut sharing, mut limits) = (None, None);
    let mut callers = Keys::default();

    if Core::Mesh.is_in(cores) {
        let parts = mesh::build(config).await?;
        streams::share(config, &parts.mesh)?;
        sharing = mesh::share(config, &parts.mesh).await?;
        let gossip = sharing.as_ref().map(mesh::Sharing::gossip);
        limits = limits::open(config, &parts.mesh, gossip.clone()).await?;
        callers = parts.mesh.keys().clone();
        let leases = nodes::follow(config, &parts, &draining)?;
        if let Some(sharing) = sharing.as_mut().filter(|_| config.nodes.shared) {
            sharing.share_nodes(leases.clone());
        }
        let state = MeshState::new(parts.mesh.clone()).with_recall(parts.recall).with_embedder(parts.embed);
        let state = parts.embedding_model.into_iter().fold(state, MeshState::with_embedding_model);
        let state = config.nodes.register.then_some(leases).into_iter().fold(state, MeshState::with_leases);
        let state = gossip.clone().into_iter().fold(state, MeshState::with_gossip);
        api = api.merge(maily_serve_http::mesh::router(state));
        let topology = maily_serve_ws::nodes::Live::from(parts.mesh.nodes().clone());
        let topology = gossip.into_iter().fold(topology, maily_serve_ws::nodes::Live::with_gossip);
        let live = maily_serve_ws::nodes::router(topology, sockets.clone());
        streams = streams.merge(maily_serve_ws::mesh::router(parts.mesh, sockets.clone())).merge(live);
        without.extend(parts.without);
    }
    if Core::Canvas.is_in(cores) {
        let (routes, sync) = canvas::routes(canvas::open(config).await?, sockets.clone());
        api = api.merge(routes);
        streams = streams.merge(sync);
    }
    if Core::Trust.is_in(cores) {
        api = api.merge(maily_serve_http::trust::router(trust::open(config).await?));
    }
    if Core::Analytics.is_in(cores) {
        let analytics = analytics::open(config).await?;
        api = api.merge(maily_serve_http::analytics::router(analytics.clone()));
        streams = streams.merge(maily_serve_ws::analytics::router(analytics, sockets.clone()));
    }
    if Core::Redis.is_in(cores) {
        api = api.merge(redis::routes(config).await?);
    }
    if Core::All.is_in(cores) {
        streams = streams.merge(maily_console::router()).merge(live.router(sockets.clone()));
    }

    tokio::spawn(keep_up(rendered.clone(), draining.clone()));
    let guard = Guard::new(config.server.keys.clone(), draining.clone())
        .with_callers(callers)
        .with_operators(config.nodes.keys.clone());
    let (routes, description) = api.split_for_parts();
    // Written once: the tree it is made of would stay in memory, and be copied for each request.
    let description = serde_json::to_vec(&description).map(Bytes::from).map_err(|err| {
        Error::new(Code::Unexpected, "the description cannot be written")
            .with_operation("server::stack")
            .with_source(err)
    })?;
    let app = routes
        .merge(streams)
        .merge(pages(description, rendered, draining.clone()))
        .fallback(problem_fallback)
        .method_not_allowed_fallback(problem_wrong_method)
        // All at once: each layer of a router boxes every route once more, and that box is cloned for every request.
        .layer(
            ServiceBuilder::new()
                // Outside the guard: a refused request is a span too, and its problem document names the trace.
                .layer(TraceLayer::new("maily").with_sampled_pct(config.telemetry.sampled_pct))
                .layer(MeasureLayer::default())
                .layer(guard.clone())
                .layer(DefaultBodyLimit::max(config.server.max_body_bytes))
                .layer(MapResponseLayer::new(unboxed))
                // Innermost: a handler that panics is answered like any other error.
                .layer(ProblemLayer::new(LogReport))
                .layer(CatchPanicLayer::new()),
        );
    let running = listen(&config.server, guard.knows_keys(), app, sockets, draining).await?;
    Ok(Started { running, sharing, limits, without })
}

/// Takes the body of a route as it is; the layers outside would box it once more.
fn unboxed(response: http::Response<Either<Body, Full<Bytes>>>) -> Response {
    response.map(|body| match body {
        Either::Left(body) => body,
        Either::Right(whole) => Body::new(whole),
    })
}

/// Returns a file of the data folder, and makes the folder.
fn data_file(config: &Config, name: &str) -> Result<PathBuf, Error> {
    std::fs::create_dir_all(&config.server.data).map_err(|err| {
        Error::new(Code::StoreFailed, "the data folder cannot be made")
            .with_operation("server::stack")
            .with_context("path", config.server.data.display())
            .with_source(err)
    })?;
    Ok(config.server.data.join(name))
}

fn info() -> utoipa::openapi::Info {
    let license =
        LicenseBuilder::new().name("MIT OR Apache-2.0").identifier(Some("MIT OR Apache-2.0")).build();
    InfoBuilder::new()
        .title("Maily")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(
            "The reference server. Errors are RFC 9457 problem documents; WebSockets are in the guides.",
        ))
        .contact(Some(ContactBuilder::new().name(Some("The Maily authors")).build()))
        .license(Some(license))
        .build()
}
