//! A node behind a real HTTP server keeps every rule of the `llm` port.

use axum::Router;
use axum::body::Body;
use axum::extract::DefaultBodyLimit;
use axum::response::Response;
use axum::routing::post;
use maily_llm_echo::EchoConfig;
use maily_llm_openai::{OpenAi, OpenAiConfig};
use maily_mesh::Prompt;
use tower::ServiceExt;

maily_mesh::conformance!(llm, echo_server().await);

/// Starts a server that wraps the echo node, for as long as the test's runtime lives.
async fn echo_server() -> OpenAi {
    let app = Router::new().route("/v1/chat/completions", post(complete)).layer(DefaultBodyLimit::disable());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("a bound socket has an address");
    tokio::spawn(async move { axum::serve(listener, app).await });
    OpenAiConfig::new(format!("http://{address}/v1")).build().expect("the url is valid")
}

async fn complete(body: bytes::Bytes) -> Response {
    let answer = EchoConfig::default()
        .build()
        .oneshot(Prompt::parse(body).expect("a valid prompt"))
        .await
        .expect("echo answers");
    let kind = if answer.head.streamed { "text/event-stream" } else { "application/json" };
    Response::builder()
        .header("content-type", kind)
        .body(Body::from_stream(answer.body))
        .expect("a valid head")
}
