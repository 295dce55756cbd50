//! The routes of the redis core answer with values or with problem documents.
#![cfg(feature = "redis")]

use axum::Router;
use axum::body::Body;
use http::{Request, Response, StatusCode};
use http_body_util::BodyExt as _;
use maily_redis::{MemoryStore, StoreService};
use tower::ServiceExt as _;

fn routes() -> Router {
    maily_serve_http::redis::router(StoreService::new(MemoryStore::default())).into()
}

async fn send(routes: &Router, method: &str, path: &str, body: &'static str) -> (Response<()>, String) {
    let request = Request::builder().method(method).uri(path).body(Body::from(body)).expect("a request");
    let (head, body) = routes.clone().oneshot(request).await.expect("routes do not fail").into_parts();
    let bytes = body.collect().await.expect("a whole body").to_bytes();
    (Response::from_parts(head, ()), String::from_utf8(bytes.to_vec()).expect("text"))
}

#[tokio::test]
async fn value_is_there_after_put_and_gone_after_delete() {
    let routes = routes();

    assert_eq!(send(&routes, "PUT", "/v1/store/a%2Fb?ttl_ms=60000", "hello").await.0.status(), 204);
    let (response, body) = send(&routes, "GET", "/v1/store/a%2Fb", "").await;
    assert_eq!((response.status(), body.as_str()), (StatusCode::OK, "hello"));
    assert_eq!(response.headers()["content-type"], "application/octet-stream");
    assert_eq!(send(&routes, "DELETE", "/v1/store/a%2Fb", "").await.0.status(), 204);
    assert_eq!(send(&routes, "DELETE", "/v1/store/a%2Fb", "").await.0.status(), 404);
    assert_eq!(send(&routes, "GET", "/v1/store/a%2Fb", "").await.0.status(), 404);
}

#[tokio::test]
async fn counter_counts() {
    let routes = routes();

    let (_, first) = send(&routes, "POST", "/v1/store/n/increment", "{}").await;
    let (_, second) = send(&routes, "POST", "/v1/store/n/increment", r#"{"by": -3}"#).await;

    assert_eq!((first.as_str(), second.as_str()), (r#"{"value":1}"#, r#"{"value":-2}"#));
}

#[tokio::test]
async fn every_wrong_request_is_answered_with_a_problem_document() {
    let routes = routes();
    let long = format!("/v1/store/{}", "k".repeat(1025));
    send(&routes, "PUT", "/v1/store/text", "no number").await;
    for (method, path, body, status, code) in [
        ("GET", "/v1/store/nothing", "", 404, "not-found"),
        ("GET", "/v1/store/%FF", "", 400, "invalid"),
        ("GET", &long, "", 413, "redis-key-too-large"),
        ("PUT", "/v1/store/k?ttl_ms=0", "v", 400, "invalid"),
        ("PUT", "/v1/store/k?ttl_ms=soon", "v", 400, "invalid"),
        ("PUT", "/v1/store/k?ttl=5", "v", 400, "invalid"),
        ("POST", "/v1/store/k/increment", "", 400, "body-invalid"),
        ("POST", "/v1/store/k/increment", r#"{"by": "one"}"#, 400, "body-invalid"),
        ("POST", "/v1/store/text/increment", "{}", 409, "redis-not-a-number"),
    ] {
        let (response, text) = send(&routes, method, path, body).await;

        assert_eq!(response.status(), status, "{method} {path} {text}");
        assert_eq!(response.headers()["content-type"], "application/problem+json", "{method} {path}");
        let problem: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(problem["code"], code, "{method} {path}");
    }
}

#[test]
fn routes_are_described() {
    let api = maily_serve_http::redis::router(StoreService::new(MemoryStore::default())).into_openapi();

    let paths: Vec<&str> = api.paths.paths.keys().map(String::as_str).collect();
    assert_eq!(paths, ["/v1/store/{key}", "/v1/store/{key}/increment"]);
}
