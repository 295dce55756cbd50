//! A node of a mesh has as long as the settings of the mesh say.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::time::Duration;

use axum::Router;
use axum::routing::post;
use maily_errors::Code;
use maily_mesh::{Mesh, MeshConfig, NodeConfig, Prompt, Registry};
use tokio::time::sleep;

/// Asks a mesh of these settings, with one node that needs so long for its answer.
async fn ask(config: &MeshConfig, takes: Duration) -> Result<String, Code> {
    let answer = move || async move {
        sleep(takes).await;
        let said = r#"{"choices":[{"index":0,"message":{"role":"assistant","content":"Done"},"finish_reason":"stop"}]}"#;
        ([("content-type", "application/json")], said)
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/v1", listener.local_addr().unwrap());
    let app = Router::new().route("/v1/chat/completions", post(answer));
    tokio::spawn(async move { axum::serve(listener, app).await });
    let mut registry = Registry::default();
    maily_llm_openai::register(&mut registry);
    let config = config.clone().with_node(NodeConfig::new("slow", url));
    let mesh = Mesh::new(&config);
    mesh.connect(&config, &registry).unwrap();

    let answer = mesh.complete(Prompt::text("m", "Hi").unwrap()).await.map_err(|err| err.code())?;
    answer.into_text().await.map_err(|err| err.code())
}

#[tokio::test(start_paused = true)]
async fn answer_in_one_piece_may_take_as_long_as_the_mesh_says() {
    let mut config = MeshConfig::default();

    assert_eq!(ask(&config, Duration::from_secs(250)).await, Ok("Done".into()));
    config.deadline.whole_ms = 1_000;
    config.retry.attempts = 1;
    assert_eq!(ask(&config, Duration::from_secs(2)).await, Err(Code::Timeout));
}
