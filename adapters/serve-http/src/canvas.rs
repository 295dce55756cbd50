//! Routes of the canvas core: documents as scenes, and what they look like.
//!
//! | route | does |
//! | --- | --- |
//! | `GET /v1/canvas/documents` | lists the names of all stored documents |
//! | `GET /v1/canvas/documents/{document}` | answers the scene: layers and elements in order |
//! | `DELETE /v1/canvas/documents/{document}` | removes a document that nobody has open |
//! | `GET /v1/canvas/documents/{document}/export.svg` | draws it, with the marks of all overlays |
//! | `GET /v1/canvas/documents/{document}/export.html` | writes it as the HTML of an e-mail |
//!
//! Editing goes over the WebSocket of `maily-serve-ws`.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use maily_canvas::{Canvas, Document, DocumentName, Scene};
use maily_errors::{Code, Error};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::reply::{Problem, Reply, declare_problems};

/// Returns the routes over a canvas.
pub fn router(canvas: Canvas) -> OpenApiRouter {
    let router = OpenApiRouter::new()
        .routes(routes!(documents))
        .routes(routes!(scene, remove))
        .routes(routes!(export_svg))
        .routes(routes!(export_html))
        .with_state(canvas);
    declare_problems("canvas", router)
}

/// The names of all stored documents, ascending.
#[derive(Debug, Serialize, ToSchema)]
struct Documents {
    /// 1 to 128 letters, digits, `-`, `_` or `.` each.
    #[schema(value_type = Vec<String>)]
    documents: Vec<DocumentName>,
}

/// Lists the documents.
#[utoipa::path(
    get, path = "/v1/canvas/documents", tag = "canvas", operation_id = "canvas_documents",
    responses((status = 200, description = "All stored documents", body = Documents), Problem)
)]
async fn documents(State(canvas): State<Canvas>) -> Reply<axum::Json<Documents>> {
    Ok(axum::Json(Documents { documents: canvas.documents().await? }))
}

/// Answers the scene.
#[utoipa::path(
    get, path = "/v1/canvas/documents/{document}", tag = "canvas", operation_id = "canvas_scene",
    params(("document" = String, Path, description = "The name of the document")),
    responses((status = 200, description = "Layers and elements, from back to front", body = Object), Problem)
)]
async fn scene(State(canvas): State<Canvas>, Path(name): Path<String>) -> Reply<axum::Json<Scene>> {
    Ok(axum::Json(find(&canvas, &name).await?.scene().await?))
}

/// Removes a document.
#[utoipa::path(
    delete, path = "/v1/canvas/documents/{document}", tag = "canvas", operation_id = "canvas_remove",
    params(("document" = String, Path, description = "The name of the document")),
    responses((status = 204, description = "Removed"), Problem)
)]
async fn remove(State(canvas): State<Canvas>, Path(name): Path<String>) -> Reply<StatusCode> {
    if canvas.remove(&name.parse()?).await? {
        return Ok(StatusCode::NO_CONTENT);
    }
    Err(Error::from(Code::DocumentNotFound).with_operation("serve_http::canvas_remove").into())
}

/// Draws the document.
#[utoipa::path(
    get, path = "/v1/canvas/documents/{document}/export.svg", tag = "canvas", operation_id = "canvas_export_svg",
    params(("document" = String, Path, description = "The name of the document")),
    responses((status = 200, description = "The drawing", content_type = "image/svg+xml"), Problem)
)]
async fn export_svg(State(canvas): State<Canvas>, Path(name): Path<String>) -> Reply<Response> {
    let document = find(&canvas, &name).await?;
    Ok(page("image/svg+xml", canvas.export_svg(&document).await?.to_string()))
}

/// Writes the document as the HTML of an e-mail.
#[utoipa::path(
    get, path = "/v1/canvas/documents/{document}/export.html", tag = "canvas", operation_id = "canvas_export_html",
    params(("document" = String, Path, description = "The name of the document")),
    responses((status = 200, description = "The page", content_type = "text/html"), Problem)
)]
async fn export_html(State(canvas): State<Canvas>, Path(name): Path<String>) -> Reply<Response> {
    let document = find(&canvas, &name).await?;
    Ok(page("text/html; charset=utf-8", document.export_html().await?.to_string()))
}

async fn find(canvas: &Canvas, name: &str) -> Reply<Document> {
    Ok(canvas.find(&name.parse()?).await?)
}

/// What people wrote, on our own origin: it may show pictures and its own styles, and nothing else.
fn page(media_type: &'static str, body: String) -> Response {
    let headers = [
        (CONTENT_TYPE, media_type),
        (
            CONTENT_SECURITY_POLICY,
            "default-src 'none'; img-src https: data:; style-src 'unsafe-inline'; sandbox",
        ),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (headers, body).into_response()
}
