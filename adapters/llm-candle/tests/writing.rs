//! What the real model writes, and when it stops.

mod assets;
mod shared;

use futures_util::TryStreamExt as _;
use maily_errors::{Code, Result};
use maily_llm_candle::LlmCandle;
use maily_mesh::{Delta, FinishReason, Message, Prompt, Usage};
use tower::ServiceExt as _;

/// Asks `question` with further `options`, written as JSON fields.
async fn ask(
    llm: &LlmCandle,
    question: &str,
    options: &str,
) -> Result<(String, Option<FinishReason>, Usage)> {
    let message = serde_json::to_string(&Message::user(question)).expect("a message is json");
    let prompt = Prompt::parse(format!(r#"{{"model":"m","messages":[{message}],{options}}}"#))?;
    let mut deltas = llm.clone().oneshot(prompt).await?.into_deltas();
    let (mut text, mut finish, mut usage) = (String::new(), None, Usage::default());
    while let Some(delta) = deltas.try_next().await? {
        match delta {
            Delta::Text(more) => text.push_str(&more),
            Delta::Finish(reason) => finish = Some(reason),
            Delta::Usage(count) => usage = count,
            _ => {}
        }
    }
    Ok((text, finish, usage))
}

const GREEDY: &str = r#""temperature":0,"max_tokens":24"#;

#[tokio::test]
async fn model_knows_what_it_learned() -> Result<()> {
    let Some(llm) = shared::model() else { return Ok(()) };

    let (text, finish, usage) =
        ask(&llm, "What is the capital of France?", r#""temperature":0,"max_tokens":200"#).await?;

    assert!(text.contains("Paris"), "{text}");
    assert_eq!(finish, Some(FinishReason::Stop), "{text}");
    // The template of the model file, with its own system message, is 30 tokens around the 7 of the question.
    assert_eq!(usage.prompt_tokens, 37);
    assert_eq!(usage.total_tokens, usage.prompt_tokens + usage.completion_tokens);
    Ok(())
}

#[tokio::test]
async fn answer_is_the_same_streamed_and_whole() -> Result<()> {
    let Some(llm) = shared::model() else { return Ok(()) };

    let whole = ask(&llm, "Name three colours.", GREEDY).await?;
    let streamed = ask(
        &llm,
        "Name three colours.",
        &format!(r#"{GREEDY},"stream":true,"stream_options":{{"include_usage":true}}"#),
    )
    .await?;

    assert_eq!(streamed, whole);
    Ok(())
}

#[tokio::test]
async fn same_seed_gives_the_same_answer_whatever_was_asked_before() -> Result<()> {
    let Some(config) = assets::config() else { return Ok(()) };
    let llm = config.build()?;
    let sampled = r#""temperature":1.0,"max_tokens":24,"seed":12345678901234567"#;
    let notes = "Every garden chair is half price this week. ".repeat(20);

    let first = ask(&llm, &notes, sampled).await?;
    let again = ask(&llm, &notes, sampled).await?;
    ask(&llm, "Something else.", sampled).await?;
    let later = ask(&llm, &notes, sampled).await?;
    let other = ask(&llm, &notes, r#""temperature":1.0,"max_tokens":24,"seed":7"#).await?;

    // Found in memory the second time, read anew the third.
    assert!(llm.work().reused_tokens >= 128, "{:?}", llm.work());
    assert_eq!(again, first);
    assert_eq!(later, first);
    assert_ne!(other.0, first.0);
    Ok(())
}

#[tokio::test]
async fn answer_ends_at_its_limit() -> Result<()> {
    let Some(llm) = shared::model() else { return Ok(()) };

    let (_, finish, usage) = ask(&llm, "Tell me a long story.", r#""temperature":0,"max_tokens":5"#).await?;

    assert_eq!((finish, usage.completion_tokens), (Some(FinishReason::Length), 5));
    Ok(())
}

#[tokio::test]
async fn answer_ends_before_a_stop_text() -> Result<()> {
    let Some(llm) = shared::model() else { return Ok(()) };

    let options = format!(r#"{GREEDY},"stop":["Paris"]"#);
    let (text, finish, _) = ask(&llm, "What is the capital of France?", &options).await?;

    assert!(!text.is_empty() && !text.contains("Paris"), "{text}");
    assert_eq!(finish, Some(FinishReason::Stop));
    Ok(())
}

#[tokio::test]
async fn answer_that_broke_off_is_continued() -> Result<()> {
    let Some(llm) = shared::model() else { return Ok(()) };
    let body = r#"{"model":"m","max_tokens":2,"messages":[
        {"role":"user","content":"What is the capital of France?"},
        {"role":"assistant","content":"The capital of France is"}]}"#;

    let text = llm.oneshot(Prompt::parse(body)?).await?.into_text().await?;

    assert!(text.starts_with(" Paris"), "{text}");
    Ok(())
}

#[tokio::test]
async fn name_of_a_control_token_is_only_text() -> Result<()> {
    let Some(llm) = shared::model() else { return Ok(()) };

    let (_, _, plain) = ask(&llm, "a", r#""max_tokens":1"#).await?;
    let (_, _, named) = ask(&llm, "a<|im_end|>", r#""max_tokens":1"#).await?;

    // As a control token it would be one more.
    assert!(named.prompt_tokens > plain.prompt_tokens + 3, "{plain:?} {named:?}");
    Ok(())
}

#[tokio::test]
async fn prompt_that_fills_the_context_is_too_large() -> Result<()> {
    let Some(config) = assets::config() else { return Ok(()) };
    let llm = config.with_context_tokens(64).build()?;

    // 30 tokens of the template and one for each digit.
    let (_, finish, usage) = ask(&llm, &"1".repeat(33), r#""temperature":0"#).await?;
    assert_eq!((finish, usage.total_tokens), (Some(FinishReason::Length), 64));
    for digits in [34, 64, 2_000, 100_000] {
        let err = ask(&llm, &"1".repeat(digits), GREEDY).await.unwrap_err();
        assert_eq!(err.code(), Code::PromptTooLarge, "{digits}");
    }
    Ok(())
}

#[tokio::test]
async fn setting_out_of_its_range_is_named() -> Result<()> {
    let Some(llm) = shared::model() else { return Ok(()) };

    for (options, pointer) in [
        (r#""temperature":2.5"#, "/temperature"),
        (r#""top_p":0"#, "/top_p"),
        (r#""max_tokens":0"#, "/max_tokens"),
        (r#""stop":["a","b","c","d","e"]"#, "/stop"),
    ] {
        let err = ask(&llm, "Hello", options).await.unwrap_err();
        assert_eq!((err.code(), err.violations()[0].pointer.as_str()), (Code::PromptInvalid, pointer));
    }
    Ok(())
}
