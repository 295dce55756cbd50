//! A few places, a bounded queue, and nobody who writes for those who have gone.

mod assets;

use std::time::Duration;

use futures_util::StreamExt as _;
use maily_errors::{Code, Result, Status};
use maily_mesh::{Message, Prompt};
use tokio::time::timeout;
use tower::{Service as _, ServiceExt as _};

fn long_story() -> Result<Prompt> {
    Prompt::chat("m", &[Message::user("Tell me a very long story about a garden.")], true)
}

#[tokio::test]
async fn dropped_answer_stops_the_writing_at_the_next_token() -> Result<()> {
    let Some(config) = assets::config() else { return Ok(()) };
    let mut llm = config.build()?;

    let mut body = llm.ready().await?.call(long_story()?).await?.body;
    let first = body.next().await;
    let written_when_dropped = llm.work().answer_tokens;
    drop(body);
    let next = Prompt::parse(r#"{"model":"m","messages":[{"role":"user","content":"Hi"}],"max_tokens":1}"#)?;
    llm.ready().await?.call(next).await?.into_text().await?;

    assert!(first.is_some());
    assert_eq!(written_when_dropped, 0, "work is counted when an answer ends");
    // It would have been 512, the most of an answer. A few are on their way when the first arrives.
    let written = llm.work().answer_tokens;
    assert!((2..=12).contains(&written), "{written}");
    Ok(())
}

#[tokio::test]
async fn dropped_call_leaves_the_queue() -> Result<()> {
    let Some(config) = assets::config() else { return Ok(()) };
    let mut llm = config.with_places(1).build()?;

    let writing = llm.ready().await?.call(long_story()?).await?;
    let waiting = llm.ready().await?.call(long_story()?);
    drop((writing, waiting));
    let next = Prompt::parse(r#"{"model":"m","messages":[{"role":"user","content":"Hi"}],"max_tokens":1}"#)?;
    llm.ready().await?.call(next).await?.into_text().await?;

    // The second story was never read: only the first, if at all, and the greeting.
    let work = llm.work();
    assert!(work.prompt_tokens < 80, "{work:?}");
    Ok(())
}

#[tokio::test]
async fn full_queue_throttles_and_says_when_to_come_back() -> Result<()> {
    let Some(config) = assets::config() else { return Ok(()) };
    let mut llm = config.with_places(1).with_waiting(1).build()?;

    // The answer is there as soon as the prompt has a place, so one more may wait.
    let writing = llm.ready().await?.call(long_story()?).await?;
    let waiting = llm.ready().await?.call(long_story()?);
    let err = llm.ready().await?.call(long_story()?).await.unwrap_err();

    assert_eq!((err.code(), err.status()), (Code::NodeThrottled, Status::Temporary));
    assert!(err.retry_after().is_some());
    drop((writing, waiting));
    Ok(())
}

#[tokio::test]
async fn prompts_whose_callers_have_gone_make_room_while_others_write() -> Result<()> {
    let Some(config) = assets::config() else { return Ok(()) };
    let mut llm = config.with_places(1).with_waiting(1).build()?;

    let mut writing = llm.ready().await?.call(long_story()?).await?.into_deltas();
    drop(llm.ready().await?.call(long_story()?));
    // Each word is a step; the next one sees who has gone.
    writing.next().await.transpose()?;
    writing.next().await.transpose()?;
    let waiting = llm.ready().await?.call(long_story()?);

    assert!(timeout(Duration::ZERO, waiting).await.is_err(), "it waits and is not refused");
    Ok(())
}

#[tokio::test]
async fn runtime_is_free_while_the_model_writes() -> Result<()> {
    let Some(config) = assets::config() else { return Ok(()) };
    let llm = config.build()?;
    let prompt =
        Prompt::parse(r#"{"model":"m","messages":[{"role":"user","content":"Hi"}],"max_tokens":4}"#)?;

    // This test has one thread: if the model wrote on it, the other side would never take its turn.
    let (mut turns, mut answer) = (0_u64, std::pin::pin!(llm.oneshot(prompt)));
    let completion = loop {
        tokio::select! {
            biased;
            completion = &mut answer => break completion?,
            () = tokio::task::yield_now() => turns += 1,
        }
    };

    assert!(!completion.into_text().await?.is_empty());
    assert!(turns > 0);
    Ok(())
}
