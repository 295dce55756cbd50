//! The rules of the [`Llm`] port.

use futures_util::future::join_all;
use futures_util::{StreamExt, TryStreamExt};
use maily_errors::{Kind, Result};
use tower::ServiceExt;

use crate::model::{Completion, Delta, Prompt};
use crate::port::Llm;
use crate::wire::DONE;

/// A prompt that any model answers with a few tokens, the same ones each time.
fn prompt(options: &str) -> Prompt {
    let body = format!(
        r#"{{"model":"conformance","messages":[{{"role":"user","content":"Say hello to the world."}}],"temperature":0,"max_tokens":8{options}}}"#
    );
    Prompt::parse(body).expect("the body is valid")
}

async fn ask(llm: &impl Llm, prompt: Prompt) -> Result<Completion> {
    llm.clone().oneshot(prompt).await
}

async fn deltas(llm: &impl Llm, prompt: Prompt) -> Vec<Delta> {
    let answer = ask(llm, prompt).await.expect("the node answers");
    answer.into_deltas().try_collect().await.expect("the answer is whole")
}

fn text(deltas: &[Delta]) -> String {
    let part = |delta: &Delta| if let Delta::Text(text) = delta { text.clone() } else { String::new() };
    deltas.iter().map(part).collect()
}

/// A prompt without `stream` is answered by one JSON object.
pub async fn whole_answer_is_one_object(llm: impl Llm) {
    let answer = ask(&llm, prompt("")).await.expect("the node answers");
    assert!(!answer.head.streamed);
    let bytes: Vec<_> = answer.body.try_collect().await.expect("the body is whole");
    let object: serde_json::Value = serde_json::from_slice(&bytes.concat()).expect("the body is json");
    assert_eq!(object["object"], "chat.completion");
    assert_eq!(object["choices"][0]["message"]["role"], "assistant");
    assert!(object["choices"][0]["finish_reason"].is_string());
}

/// A streamed answer comes in more than one event and ends with `[DONE]`.
pub async fn streamed_answer_is_events_up_to_done(llm: impl Llm) {
    let answer = ask(&llm, prompt(r#","stream":true"#)).await.expect("the node answers");
    assert!(answer.head.streamed);
    let bytes: Vec<_> = answer.body.try_collect().await.expect("the body is whole");
    let all = bytes.concat();
    assert!(all.ends_with(&DONE), "the last event is not [DONE]");
    let mut decoder = crate::wire::SseDecoder::default();
    decoder.push(&all).expect("the body is a stream of events");
    assert!(std::iter::from_fn(|| decoder.next()).count() > 2, "the answer came in one piece");
}

/// At temperature 0 the way an answer travels does not change what it says.
pub async fn streamed_and_whole_answers_say_the_same(llm: impl Llm) {
    let whole = text(&deltas(&llm, prompt("")).await);
    let streamed = text(&deltas(&llm, prompt(r#","stream":true"#)).await);
    assert!(!whole.is_empty());
    assert_eq!(whole, streamed);
}

/// A whole answer counts tokens; a streamed one does when `include_usage` asks for it.
pub async fn tokens_are_counted_when_asked(llm: impl Llm) {
    for options in ["", r#","stream":true,"stream_options":{"include_usage":true}"#] {
        let deltas = deltas(&llm, prompt(options)).await;
        let usage =
            deltas.iter().find_map(|delta| if let Delta::Usage(usage) = delta { Some(usage) } else { None });
        let usage = usage.expect("the answer counts tokens");
        assert!(usage.prompt_tokens > 0 && usage.completion_tokens > 0);
        assert_eq!(usage.total_tokens, usage.prompt_tokens + usage.completion_tokens);
    }
}

/// With one token allowed, the answer has one, and says that it was cut for length.
pub async fn max_tokens_bounds_the_answer(llm: impl Llm) {
    let body = r#"{"model":"conformance","messages":[{"role":"user","content":"Say hello to the world."}],"max_tokens":1}"#;
    let deltas = deltas(&llm, Prompt::parse(body).expect("the body is valid")).await;
    let finish = deltas.iter().find(|delta| matches!(delta, Delta::Finish(_)));
    assert_eq!(finish, Some(&Delta::Finish(crate::model::FinishReason::Length)));
    let tokens = deltas
        .iter()
        .find_map(|delta| if let Delta::Usage(usage) = delta { Some(usage.completion_tokens) } else { None });
    assert_eq!(tokens, Some(1));
}

/// A field that the node does not know is no error.
pub async fn unknown_fields_are_tolerated(llm: impl Llm) {
    let options = r#","x_maily":{"deep":[1,2,{"a":null}]},"metadata":{"k":"v"},"seed":12345678901234567"#;
    assert!(!deltas(&llm, prompt(options)).await.is_empty());
}

/// An empty message is answered, or refused as invalid; it neither hangs nor breaks the node.
pub async fn empty_text_is_answered_or_refused(llm: impl Llm) {
    let empty = Prompt::text("conformance", "").expect("the body is valid");
    match ask(&llm, empty).await {
        Ok(answer) => drop(answer.body.collect::<Vec<_>>().await),
        Err(err) => assert_eq!(err.kind(), Kind::Invalid),
    }
    assert!(!deltas(&llm, prompt("")).await.is_empty());
}

/// A prompt of one MiB is answered, or refused as too large or invalid.
pub async fn huge_prompt_is_answered_or_refused(llm: impl Llm) {
    let huge = Prompt::text("conformance", "word ".repeat(200_000)).expect("the body is valid");
    match ask(&llm, huge).await {
        Ok(answer) => drop(answer.body.collect::<Vec<_>>().await),
        Err(err) => assert!(matches!(err.kind(), Kind::Invalid | Kind::TooLarge), "{err}"),
    }
    assert!(!deltas(&llm, prompt("")).await.is_empty());
}

/// A future that is dropped before its answer leaves nothing behind.
pub async fn dropped_future_leaves_the_node_usable(llm: impl Llm) {
    for _ in 0..4 {
        let mut future = Box::pin(ask(&llm, prompt(r#","stream":true"#)));
        drop(futures_util::poll!(&mut future));
        drop(future);
    }
    assert!(!deltas(&llm, prompt("")).await.is_empty());
}

/// A body that is dropped after its first chunk leaves nothing behind.
pub async fn dropped_body_leaves_the_node_usable(llm: impl Llm) {
    for _ in 0..4 {
        let mut answer = ask(&llm, prompt(r#","stream":true"#)).await.expect("the node answers");
        assert!(matches!(answer.body.next().await, Some(Ok(_))));
    }
    assert!(!deltas(&llm, prompt("")).await.is_empty());
}

/// Clones answer side by side, and do not mix their answers up.
pub async fn eight_prompts_at_once_are_answered(llm: impl Llm) {
    let prompts = (0..8).map(|_| deltas(&llm, prompt(r#","stream":true"#)));
    let answers = join_all(prompts).await;
    assert!(answers.iter().all(|answer| text(answer) == text(&answers[0])));
}
