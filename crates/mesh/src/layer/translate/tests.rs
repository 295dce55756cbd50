use maily_errors::Code;
use tower::{Layer, ServiceExt};

use super::TranslateLayer;
use crate::memory::{Scripted, Step};
use crate::model::{Betas, Format, Formats, Prompt};

fn prompt(format: Format, body: &str) -> Prompt {
    Prompt::parse_as(format, body.to_owned()).unwrap()
}

#[tokio::test]
async fn prompt_keeps_what_stands_beside_its_body() {
    let node = Scripted::new([Step::Answer("Hi".into())]);
    let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(9);
    let asked = prompt(Format::Responses, r#"{"model":"m","input":"Hi"}"#);

    let betas = Betas::new(["context-1m"]).unwrap();
    let asked = asked.with_tenant("t").with_deadline(deadline).with_betas(betas.clone());
    TranslateLayer::new(Formats::CHAT).layer(node.clone()).oneshot(asked).await.unwrap();

    let seen = &node.seen()[0].head;
    assert_eq!((seen.format, seen.tenant.as_str(), seen.deadline), (Format::Chat, "t", Some(deadline)));
    assert_eq!(seen.betas, betas);
}

#[tokio::test]
async fn node_that_takes_nothing_in_common_is_not_asked() {
    let node = Scripted::new([Step::Answer("Hi".into())]);
    let asked = prompt(Format::Messages, r#"{"model":"m","messages":[{"role":"user","content":"Hi"}]}"#);

    let native = [Format::Completions].into_iter().collect::<Formats>();
    let err = TranslateLayer::new(native).layer(node.clone()).oneshot(asked).await.unwrap_err();

    assert_eq!((err.code(), node.calls()), (Code::PromptUntranslatable, 0));
}

#[tokio::test]
async fn error_of_the_node_is_the_error_of_the_answer() {
    let node = Scripted::new([Step::Fail(Code::NodeThrottled)]);
    let asked = prompt(Format::Completions, r#"{"model":"m","prompt":"Hi"}"#);

    let err = TranslateLayer::new(Formats::CHAT).layer(node).oneshot(asked).await.unwrap_err();

    assert_eq!(err.code(), Code::NodeThrottled);
}
