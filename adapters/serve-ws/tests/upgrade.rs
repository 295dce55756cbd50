//! A WebSocket route that is called without an upgrade says so in a problem document.

use axum::Router;
use axum::body::{Body, to_bytes};
use http::{Request, StatusCode};
use maily_analytics::{Analytics, AnalyticsConfig};
use maily_canvas::Canvas;
use maily_mesh::{Mesh, MeshConfig};
use maily_serve_ws::{Sockets, analytics, canvas, mesh};
use serde_json::{Value, json};
use tower::ServiceExt as _;

fn routes() -> Router {
    let sockets = Sockets::default();
    let windows = Analytics::in_memory(&AnalyticsConfig::default()).expect("the settings are in range");
    mesh::router(Mesh::new(&MeshConfig::default()), sockets.clone())
        .merge(canvas::router(Canvas::in_memory(), sockets.clone()))
        .merge(analytics::router(windows, sockets))
}

#[tokio::test]
async fn request_without_an_upgrade_is_told_to_upgrade() {
    for path in ["/v1/mesh/stream", "/v1/canvas/sync/a", "/v1/analytics/live?nonsense=1"] {
        let request = Request::get(path).body(Body::empty()).unwrap();
        let response = routes().oneshot(request).await.unwrap();

        assert_eq!(response.status(), StatusCode::UPGRADE_REQUIRED, "{path}");
        let headers = response.headers();
        assert!(headers["upgrade"] == "websocket" && headers["connection"] == "upgrade");
        assert_eq!(headers["content-type"], "application/problem+json");
        assert!(!headers.contains_key("sec-websocket-version"));
        let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
        let problem: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!((&problem["code"], &problem["status"]), (&json!("upgrade-required"), &json!(426)));
    }
}

#[tokio::test]
async fn another_version_is_told_which_one_is_spoken() {
    let request = Request::get("/v1/mesh/stream")
        .header("connection", "Upgrade")
        .header("upgrade", "websocket")
        .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
        .header("sec-websocket-version", "8")
        .body(Body::empty())
        .unwrap();
    let response = routes().oneshot(request).await.unwrap();

    assert_eq!(response.status(), StatusCode::UPGRADE_REQUIRED);
    assert_eq!(response.headers()["sec-websocket-version"], "13");
}
