//! A server that misbehaves on a real socket: what it does is recorded bytes, what the mesh sees is a code.

use maily_client_http1::conformance::Protocol;
use maily_llm_anthropic::AnthropicConfig;
use maily_mesh::Format;

maily_client_http1::conformance!(Protocol {
    node: |url, patience| {
        let config = AnthropicConfig::new(url).with_key("sk-ant-test").with_beta("one").with_beta("two");
        config.with_patience(patience).build()
    },
    request: &[
        "POST /v1/messages HTTP/1.1",
        "x-api-key: sk-ant-test",
        "anthropic-version: 2023-06-01",
        "anthropic-beta: one,two",
    ],
    prompt: r#"{"model":"small","max_tokens":64,"stream":true,"messages":[{"role":"user","content":"Hi"}]}"#,
    format: Format::Messages,
    events: include_str!("wire/stream.http"),
    object: include_str!("wire/object.http"),
    refusal: include_str!("wire/refusal.http"),
});
