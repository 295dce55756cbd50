//! What a client of messages asks for in a header, on its way to the node.

use maily_mesh::{Format, Formats};
use serde_json::json;

use super::support::{Act, Reading, Scripted, WORDS, config, mesh_of, prompt, serve};

fn lines<'a>(head: &'a str, name: &str) -> Vec<&'a str> {
    head.lines().filter(|line| line.starts_with(name)).collect()
}

#[tokio::test]
async fn betas_reach_a_node_that_is_asked_in_messages_and_no_other() {
    let message = json!({ "model": "m", "max_tokens": 9, "stream": true,
        "messages": [{ "role": "user", "content": "Count" }] });
    // Several lines, several names in one, one of them twice.
    let asks = "Anthropic-Beta: context-1m-2025-08-07, files-api-2025-04-14\r\nanthropic-version: 2023-01-01\r\n\
        anthropic-beta: files-api-2025-04-14,skills-2025-10-02\r\n";
    let betas = "anthropic-beta: context-1m-2025-08-07,files-api-2025-04-14,skills-2025-10-02";
    for (native, format, body, seen) in [
        (Formats::MESSAGES, Format::Messages, message.clone(), vec![betas]),
        // Said again in messages, because the node takes nothing else.
        (Formats::MESSAGES, Format::Chat, prompt(true), vec![betas]),
        (Formats::CHAT, Format::Messages, message, vec![]),
    ] {
        let node = Scripted::start([Act::Stream { pause: std::time::Duration::ZERO }]).await;
        let address = serve(mesh_of(&config(json!({})), native, &[&node])).await;

        let (text, raw) = Reading::begin_in(format, &address, asks, &body).await.text().await;

        assert_eq!(text, WORDS.concat(), "{raw}");
        let (_, head, _) = &node.seen()[0];
        assert_eq!(lines(head, "anthropic-beta"), seen, "{head}");
        // The mesh reads one version, whatever the client says.
        let version = if seen.is_empty() { vec![] } else { vec!["anthropic-version: 2023-06-01"] };
        assert_eq!(lines(head, "anthropic-version"), version);
    }
}

#[tokio::test]
async fn list_of_betas_over_its_limit_is_refused_and_no_node_is_asked() {
    let node = Scripted::start([Act::Stream { pause: std::time::Duration::ZERO }]).await;
    let address = serve(mesh_of(&config(json!({})), Formats::MESSAGES, &[&node])).await;
    let message =
        json!({ "model": "m", "max_tokens": 9, "messages": [{ "role": "user", "content": "Count" }] });

    for asks in ["x".repeat(1025), "two words".to_owned()] {
        let asks = format!("anthropic-beta: {asks}\r\n");
        let (_, raw) = Reading::begin_in(Format::Messages, &address, &asks, &message).await.text().await;

        assert!(raw.starts_with("HTTP/1.0 400"), "{raw}");
        assert!(raw.contains("/headers/anthropic-beta"), "{raw}");
    }
    assert_eq!(node.calls(), 0);
}
