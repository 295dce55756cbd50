//! The canvas: documents in one file.

use std::sync::Arc;

use maily_canvas::Canvas;
use maily_canvas::layer::{limit::LimitLayer, trace::TraceLayer};
use maily_errors::Error;
use maily_serve_ws::Sockets;
use maily_store_redb::RedbConfig;
use tower::ServiceBuilder;
use utoipa_axum::router::OpenApiRouter;

use crate::config::Config;

/// Opens the documents of the data folder.
///
/// # Errors
///
/// [`Code::StoreCorrupt`](maily_errors::Code::StoreCorrupt) or
/// [`Code::StoreLocked`](maily_errors::Code::StoreLocked); the file is left as it is.
pub async fn open(config: &Config) -> Result<Canvas, Error> {
    let store = RedbConfig::new(super::data_file(config, "canvas.redb")?).documents().await?;
    Ok(Canvas::builder(Arc::new(store)).with_config(config.canvas.clone()).build())
}

pub(super) fn routes(canvas: Canvas, sockets: Sockets) -> (OpenApiRouter, axum::Router) {
    let stack = ServiceBuilder::new()
        // Outermost: a refused join is traced too.
        .layer(TraceLayer::new())
        // Each session has its own allowance of frames and bytes.
        .layer(LimitLayer::new(FRAMES_PER_SECOND, BYTES_PER_SECOND))
        .service(canvas.clone());
    (maily_serve_http::canvas::router(canvas), maily_serve_ws::canvas::router(stack, sockets))
}

/// What one session may send: a person drags at 60 frames per second, a paste is a few megabytes.
const FRAMES_PER_SECOND: u32 = 1_000;
const BYTES_PER_SECOND: u32 = 16 * 1024 * 1024;
