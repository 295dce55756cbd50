#![doc = include_str!("../README.md")]

mod assets;
mod headers;
mod negotiate;

use axum::Router;
use axum::extract::Path;
use axum::response::Response;
use axum::routing::get;
use http::HeaderMap;
use maily_errors::{Code, Error, Respond};

use crate::assets::Asset;

/// Serves the console: the page at `/`, its icon, and its hashed files below `/assets/`.
///
/// Only these paths are taken, so the router merges with any other. Each answers `GET` and `HEAD`; a name below
/// `/assets/` that does not exist is a problem document with status 404.
///
/// Runs in O(1) on embedded bytes and compresses nothing: every text file is embedded plain, as gzip and as brotli.
/// In debug builds the files are read from `dist/` at each request instead, so a rebuilt page shows on reload.
///
/// # Examples
///
/// ```
/// let app: axum::Router = axum::Router::new().merge(maily_console::router());
/// ```
pub fn router() -> Router {
    Router::new()
        .route("/", get(async |headers: HeaderMap| page("index.html", &headers)))
        .route("/favicon.svg", get(async |headers: HeaderMap| page("favicon.svg", &headers)))
        .route("/assets/{*name}", get(hashed))
}

/// A file whose name stays while its content changes: kept, but asked for again each time.
fn page(name: &str, request: &HeaderMap) -> Response {
    answer(name, REVALIDATE, request)
}

/// A file whose name contains its hash: it never changes.
async fn hashed(Path(name): Path<String>, request: HeaderMap) -> Response {
    answer(&format!("assets/{name}"), IMMUTABLE, &request)
}

fn answer(name: &str, cache: &'static str, request: &HeaderMap) -> Response {
    let mut response = match Asset::find(name, negotiate::accepted(request)) {
        Some(asset) if negotiate::is_known(request, asset.etag()) => asset.into_not_modified(cache),
        Some(asset) => asset.into_response(cache),
        None => missing(),
    };
    headers::protect(response.headers_mut());
    response
}

fn missing() -> Response {
    let err = Error::new(Code::NotFound, "the console has no such file").with_operation("console::answer");
    Respond.respond(&err).map(axum::body::Body::new)
}

const REVALIDATE: &str = "no-cache";
const IMMUTABLE: &str = "public, max-age=31536000, immutable";
