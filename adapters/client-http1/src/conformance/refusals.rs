//! Nodes that say no.

use std::time::Duration;

use maily_errors::Code;
use maily_mesh::{Format, Prompt};
use tower_service::Service;

use super::recorded::{Protocol, Then, head};
use crate::{Dialect, Patience};

/// Each status has one meaning in the mesh; a reason is shown only where it is about the prompt.
pub async fn each_status_has_its_code<D: Dialect>(protocol: &Protocol<D>) {
    for (status, code) in [
        (301, Code::NodeFailed),
        (400, Code::NodeRejected),
        (401, Code::NodeKeyRefused),
        // Its credit is too small, for this prompt or for any.
        (402, Code::NodeFailed),
        (403, Code::NodeKeyRefused),
        (404, Code::ModelNotFound),
        (408, Code::Timeout),
        (413, Code::PromptTooLarge),
        (422, Code::NodeRejected),
        (429, Code::NodeThrottled),
        (500, Code::NodeFailed),
        (503, Code::NodeFailed),
        (504, Code::Timeout),
        (529, Code::NodeFailed),
    ] {
        let refusal = protocol.refusal.replace("STATUS", &status.to_string());
        let node = protocol.serve(refusal, Then::Close).await;

        let err = protocol.ask(&node).await.expect_err("the node refuses");

        assert_eq!(err.code(), code, "{status}");
        assert_eq!(err.retry_after(), Some(Duration::from_secs(7)), "{status}");
        let shown =
            err.public_context().any(|(key, value)| key == "reason" && value == "Too many sk-teapots");
        assert_eq!(shown, matches!(code, Code::NodeRejected | Code::PromptTooLarge), "{status}");
    }
}

/// A node may refuse a large prompt by its length, read no more of it and keep the connection.
pub async fn refusal_counts_before_the_prompt_was_read<D: Dialect>(protocol: &Protocol<D>) {
    let refusal = protocol.refusal.replace("STATUS", "413");
    let node = protocol.serve_for(Patience::default(), refusal, Then::WaitUnread).await;
    let large = protocol.prompt.replacen('{', &("{".to_owned() + &" ".repeat(16 * 1024 * 1024)), 1);
    let prompt = Prompt::parse_as(protocol.format, large).expect("a valid prompt");

    let err = node.node.clone().call(prompt).await.expect_err("the node refuses");

    assert_eq!(err.code(), Code::PromptTooLarge);
}

/// A node that refuses and then is silent has refused; the reason is waited for 2 s at most.
pub async fn refusal_counts_without_its_reason<D: Dialect>(protocol: &Protocol<D>) {
    let refusal = protocol.refusal.replace("STATUS", "429");
    let mut node = protocol.serve_for(Patience::default(), head(&refusal), Then::Wait).await;

    let err = protocol.ask(&node).await.expect_err("the node refuses");

    assert_eq!((err.code(), err.retry_after()), (Code::NodeThrottled, Some(Duration::from_secs(7))));
    node.hung_up.recv().await.expect("the node is told");
}

/// What the server would not understand does not reach it.
pub async fn format_that_is_not_taken_is_refused_before_it_is_sent<D: Dialect>(protocol: &Protocol<D>) {
    let node = protocol.serve(protocol.object, Then::Close).await;
    let bodies = [
        (Format::Chat, r#"{"model":"small","messages":[{"role":"user","content":"Hi"}]}"#),
        (Format::Completions, r#"{"model":"small","prompt":"Hi"}"#),
        (Format::Messages, r#"{"model":"small","max_tokens":8,"messages":[{"role":"user","content":"Hi"}]}"#),
        (Format::Responses, r#"{"model":"small","input":"Hi"}"#),
    ];

    for (format, body) in bodies.into_iter().filter(|(format, _)| !D::FORMATS.contains(*format)) {
        let prompt = Prompt::parse_as(format, body).expect("a valid prompt");
        let err = node.node.clone().call(prompt).await.expect_err("it is not sent");

        assert_eq!(err.code(), Code::PromptUntranslatable);
    }
    assert_eq!(node.connections(), 0);
}
