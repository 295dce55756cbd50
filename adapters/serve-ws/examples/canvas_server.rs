//! Serves canvas documents from a file: `canvas_server PORT FOLDER`.

use std::path::Path;

use maily_canvas::Canvas;
use maily_serve_ws::{Sockets, canvas};
use maily_store_redb::RedbConfig;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(port), Some(folder)) = (arguments.next(), arguments.next()) else {
        return Err("canvas_server PORT FOLDER".into());
    };
    let store = RedbConfig::new(Path::new(&folder).join("canvas.redb")).documents().await?;
    let canvas = Canvas::builder(std::sync::Arc::new(store)).build();
    let sockets = Sockets::default();
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port.parse::<u16>()?)).await?;
    let router = canvas::router(canvas, sockets.clone());
    axum::serve(listener, router)
        .with_graceful_shutdown(async { drop(tokio::signal::ctrl_c().await) })
        .await?;
    sockets.drain().await;
    Ok(())
}
