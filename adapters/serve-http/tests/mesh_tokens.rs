//! Counts of tokens: by a node where one counts, by bytes elsewhere.

#![expect(clippy::unwrap_used, reason = "a test")]

use std::future::pending;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use axum::extract::Request as Incoming;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::BodyExt;
use maily_mesh::{Format, Mesh, MeshConfig, NodeConfig, Registry};
use maily_serve_http::mesh::{MeshState, router};
use serde_json::{Value, json};
use tower::ServiceExt;

const MESSAGES: &str = "/v1/messages/count_tokens";
const RESPONSES: &str = "/v1/responses/input_tokens";
/// With a number that no parser keeps, and a field that nobody knows.
const BODY: &str = r#"{"model":"m", "x":12345678901234567890123,"messages":[{"role":"user","content":"How long am I?"}],"input":"How long am I?"}"#;

type Seen = Arc<Mutex<Vec<(HeaderMap, String)>>>;

/// What a node says when it is asked to count.
#[derive(Clone, Copy)]
enum Says {
    Number(u32),
    Nonsense,
    Nothing,
    Status(u16),
}

async fn says(what: Says) -> Response {
    match what {
        Says::Number(tokens) => axum::Json(json!({ "input_tokens": tokens })).into_response(),
        Says::Nonsense => axum::Json(json!({ "tokens": "many" })).into_response(),
        Says::Nothing => pending().await,
        Says::Status(status) => StatusCode::from_u16(status).unwrap().into_response(),
    }
}

/// A mesh of one node on a real socket that counts like this.
async fn mesh(what: Says, counts: &[Format]) -> (Router, Seen) {
    let seen = Seen::default();
    let noted = seen.clone();
    let count = async move |request: Incoming| {
        let (head, body) = request.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        noted.lock().unwrap().push((head.headers, String::from_utf8(body.to_vec()).unwrap()));
        says(what).await
    };
    let app = Router::new().route(MESSAGES, post(count.clone())).route(RESPONSES, post(count));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await });
    let mesh = Mesh::new(&MeshConfig::default());
    let mut node = NodeConfig::new("exact", format!("http://{address}/v1"))
        .with_native([Format::Messages, Format::Responses])
        .with_counts(counts.iter().copied());
    node.rename.insert("m".into(), "at-node".into());
    let mut registry = Registry::default();
    maily_llm_openai::register(&mut registry);
    mesh.nodes().insert(registry.node(&node).unwrap());
    (router(MeshState::new(mesh)).into(), seen)
}

async fn count(router: &Router, path: &str, headers: &[(&str, &str)]) -> (StatusCode, HeaderMap, Value) {
    let request = Request::post(path).header("content-type", "application/json");
    let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    let answer = router.clone().oneshot(request.body(Body::from(BODY)).unwrap()).await.unwrap();
    let (head, body) = answer.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    (head.status, head.headers, serde_json::from_slice(&body).unwrap_or_default())
}

#[tokio::test]
async fn node_that_counts_is_asked_with_the_body_as_it_is() {
    let (router, seen) = mesh(Says::Number(42), &[Format::Messages, Format::Responses]).await;

    for (at, path) in [MESSAGES, RESPONSES].into_iter().enumerate() {
        let (status, headers, body) = count(&router, path, &[("anthropic-beta", "context-1m")]).await;

        assert_eq!((status, &body["input_tokens"]), (StatusCode::OK, &json!(42)), "{body}");
        assert_eq!(
            (&headers["x-maily-node"], headers.get("x-maily-estimated")),
            (&"exact".parse().unwrap(), None)
        );
        let (asked, said) = seen.lock().unwrap()[at].clone();
        assert_eq!(said, BODY.replace("\"m\"", "\"at-node\""));
        let beta = asked.get("anthropic-beta").map(|beta| beta.to_str().unwrap());
        assert_eq!(beta, (path == MESSAGES).then_some("context-1m"));
    }
}

#[tokio::test]
async fn count_that_no_node_makes_is_an_estimate_and_says_so() {
    let (none, counting): (&[Format], &[Format]) = (&[], &[Format::Messages]);
    for (what, counting, asked) in [
        (Says::Number(42), none, 0),
        (Says::Nonsense, counting, 1),
        (Says::Nothing, counting, 1),
        (Says::Status(404), counting, 1),
        (Says::Status(429), counting, 1),
        (Says::Status(500), counting, 1),
    ] {
        let (router, seen) = mesh(what, counting).await;

        let (status, headers, body) = count(&router, MESSAGES, &[("x-maily-timeout-ms", "500")]).await;

        assert_eq!(status, StatusCode::OK, "{body}");
        assert!((4..20).contains(&body["input_tokens"].as_u64().unwrap()), "{body}");
        assert_eq!(
            (&headers["x-maily-estimated"], headers.get("x-maily-node")),
            (&"true".parse().unwrap(), None)
        );
        assert_eq!(seen.lock().unwrap().len(), asked);
    }
}

#[tokio::test]
async fn prompt_that_the_counting_node_refuses_is_refused() {
    let (router, _) = mesh(Says::Status(400), &[Format::Messages]).await;

    let (status, _, body) = count(&router, MESSAGES, &[]).await;

    assert_eq!(
        (status, &body["error"]["code"]),
        (StatusCode::BAD_REQUEST, &json!("node-rejected")),
        "{body}"
    );
}
