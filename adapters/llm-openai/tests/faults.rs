//! A server that misbehaves on a real socket: what it does is recorded bytes, what the mesh sees is a code.

use maily_client_http1::conformance::Protocol;
use maily_llm_openai::OpenAiConfig;
use maily_mesh::Format;

maily_client_http1::conformance!(Protocol {
    node: |url, patience| OpenAiConfig::new(url).with_key("sk-test").with_patience(patience).build(),
    request: &["POST /v1/chat/completions HTTP/1.1", "authorization: Bearer sk-test"],
    prompt: r#"{"model":"small","stream":true,"messages":[{"role":"user","content":"Hi"}]}"#,
    format: Format::Chat,
    events: include_str!("wire/stream.http"),
    object: include_str!("wire/object.http"),
    refusal: include_str!("wire/refusal.http"),
});
