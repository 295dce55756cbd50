//! A node of a configuration counts tokens where Anthropic does.

use axum::Router;
use axum::routing::post;
use maily_mesh::{Format, Mesh, MeshConfig, NodeConfig, Prompt, Registry};

#[tokio::test]
async fn node_of_a_configuration_is_asked_for_counts_of_messages_only() {
    let count = post(async || ([("content-type", "application/json")], r#"{"input_tokens":42}"#));
    let app = Router::new().route("/v1/messages/count_tokens", count);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("a bound socket has an address");
    tokio::spawn(async move { axum::serve(listener, app).await });
    let mut registry = Registry::default();
    maily_llm_anthropic::register(&mut registry);
    let node = NodeConfig::new("claude", format!("anthropic+http://{address}/v1"));
    let config = MeshConfig::default().with_node(node);
    let mesh = Mesh::new(&config);
    mesh.connect(&config, &registry).expect("a valid node");

    let body = r#"{"model":"m","messages":[{"role":"user","content":"Hi"}],"input":"Hi"}"#;
    let count = async |format| {
        let prompt = Prompt::parse_as(format, body).expect("a valid prompt");
        mesh.count_tokens(prompt).await.expect("a count")
    };
    let (messages, responses) = (count(Format::Messages).await, count(Format::Responses).await);

    assert_eq!((messages.tokens, messages.node), (42, Some("claude".into())));
    assert!(responses.tokens < 42 && responses.node.is_none());
}
