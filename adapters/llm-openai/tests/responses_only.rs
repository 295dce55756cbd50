//! A node that takes nothing but responses, asked in chat, keeps every rule of the `llm` port.

use axum::Router;
use axum::body::Body;
use axum::extract::DefaultBodyLimit;
use axum::response::Response;
use axum::routing::post;
use maily_llm_echo::EchoConfig;
use maily_llm_openai::{OpenAi, OpenAiConfig};
use maily_mesh::layer::translate::{Translate, TranslateLayer};
use maily_mesh::{Format, Formats, Prompt};
use tower::{Layer, ServiceExt};

maily_mesh::conformance!(llm, echo_server().await);

/// Starts a server of responses that wraps the echo node, for as long as the test's runtime lives.
async fn echo_server() -> Translate<OpenAi> {
    let app = Router::new().route("/v1/responses", post(answer)).layer(DefaultBodyLimit::disable());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("a bound socket has an address");
    tokio::spawn(async move { axum::serve(listener, app).await });
    let node = OpenAiConfig::new(format!("http://{address}/v1")).build().expect("the url is valid");
    TranslateLayer::new(Formats::RESPONSES).layer(node)
}

async fn answer(body: bytes::Bytes) -> Response {
    let echo = TranslateLayer::new(Formats::CHAT).layer(EchoConfig::default().build());
    let prompt = Prompt::parse_as(Format::Responses, body).expect("a valid prompt");
    match echo.oneshot(prompt).await {
        Ok(answer) => {
            let kind = if answer.head.streamed { "text/event-stream" } else { "application/json" };
            let body = Body::from_stream(answer.body);
            Response::builder().header("content-type", kind).body(body).expect("a valid head")
        }
        // As the protocol refuses a conversation in which nobody speaks.
        Err(_) => Response::builder().status(400).body(Body::empty()).expect("a valid head"),
    }
}
