//! Answers that are written side by side.

mod assets;

use futures_util::StreamExt as _;
use futures_util::future::{join_all, try_join_all};
use maily_errors::Result;
use maily_llm_candle::LlmCandle;
use maily_mesh::{Message, Prompt};
use tower::{Service as _, ServiceExt as _};

fn prompt(question: &str, options: &str) -> Result<Prompt> {
    let message = serde_json::to_string(&Message::user(question)).expect("a message is json");
    Prompt::parse(format!(r#"{{"model":"m","stream":true,"messages":[{message}],{options}}}"#))
}

async fn ask(llm: &LlmCandle, prompt: Prompt) -> Result<String> {
    llm.clone().oneshot(prompt).await?.into_text().await
}

/// Prompts of all lengths, some with the same begin, some drawn and some not, that end at different times.
fn mixture() -> Result<Vec<Prompt>> {
    let notes = "Every garden chair is half price this week. ".repeat(16);
    let sampled =
        |seed: u32, tokens: u32| format!(r#""temperature":1.2,"seed":{seed},"max_tokens":{tokens}"#);
    Ok(vec![
        prompt("Hi", &sampled(1, 3))?,
        prompt(&format!("{notes}Write a subject line."), &sampled(2, 12))?,
        prompt("Tell me a long story about a garden.", r#""temperature":0,"max_tokens":24"#)?,
        prompt(&format!("{notes}Write one sentence about it."), &sampled(3, 9))?,
        prompt("Name three colours.", r#""temperature":0,"max_tokens":24,"stop":["\n"]"#)?,
        prompt(&notes.replace("chair", "table"), &sampled(4, 1))?,
        prompt("Tell me a long story about a garden.", &sampled(5, 24))?,
    ])
}

#[tokio::test]
async fn any_answer_is_the_same_alone_and_in_company() -> Result<()> {
    let Some(config) = assets::config() else { return Ok(()) };
    let prompts = mixture()?;
    let alone = config.clone().with_places(1).build()?;
    let mut expected = Vec::new();
    for prompt in &prompts {
        expected.push(ask(&alone, prompt.clone()).await?);
    }

    let company = config.with_places(3).build()?;
    let (first, again) = (
        try_join_all(prompts.iter().map(|prompt| ask(&company, prompt.clone()))).await?,
        try_join_all(prompts.iter().rev().map(|prompt| ask(&company, prompt.clone()))).await?,
    );

    assert_eq!(first, expected);
    assert_eq!(again.into_iter().rev().collect::<Vec<_>>(), expected);
    // The notes are read once by each of the two models, and found in a memory by the other prompts.
    assert!(company.work().reused_tokens > alone.work().reused_tokens, "{:?}", company.work());
    Ok(())
}

#[tokio::test]
async fn answers_that_are_written_together_share_their_steps() -> Result<()> {
    let Some(config) = assets::config() else { return Ok(()) };
    let mut llm = config.with_places(4).build()?;
    let story = prompt("Tell me a long story about a garden.", r#""max_tokens":48"#)?;

    // Each is in the queue when its call returns.
    let answers: Vec<_> = (0..4).map(|_| llm.call(story.clone())).collect();
    for answer in join_all(answers).await {
        answer?.into_text().await?;
    }

    // One after the other they would take 47 steps each, after the first, and one for each prompt.
    let work = llm.work();
    assert_eq!(work.answer_tokens, 4 * 48);
    assert!(work.steps < 150, "{work:?}");
    println!("192 tokens in {} steps", work.steps);
    Ok(())
}

#[tokio::test]
async fn those_who_write_go_on_while_a_long_prompt_is_read() -> Result<()> {
    let Some(config) = assets::config() else { return Ok(()) };
    let mut llm = config.build()?;
    let notes = "Every garden chair is half price this week. ".repeat(40);

    let mut writing =
        llm.call(prompt("Tell me a long story about a garden.", r#""temperature":0"#)?).await?.body;
    writing.next().await.expect("a first token")?;
    let mut long = llm.call(prompt(&notes, r#""max_tokens":1"#)?).await?.body;
    let (mut meanwhile, mut first) = (0, None);
    while first.is_none() {
        tokio::select! {
            biased;
            token = writing.next() => {
                token.expect("the story goes on")?;
                meanwhile += 1;
            }
            answer = long.next() => first = answer,
        }
    }

    // 430 tokens in steps of 16, a token of the story in each.
    assert!(meanwhile >= 20, "{meanwhile}");
    println!("{meanwhile} tokens were written while 430 were read");
    Ok(())
}

#[tokio::test]
async fn place_of_one_who_left_goes_to_one_who_waits() -> Result<()> {
    let Some(config) = assets::config() else { return Ok(()) };
    let mut llm = config.with_places(2).build()?;
    let story = || prompt("Tell me a very long story about a garden.", r#""temperature":0"#);

    let (mut staying, leaving) = (llm.call(story()?).await?.body, llm.call(story()?).await?.body);
    let waiting = llm.call(prompt("Hi", r#""max_tokens":2"#)?);
    staying.next().await.expect("a first token")?;
    drop(leaving);
    waiting.await?.into_text().await?;

    // The greeting was answered long before the story, of 512 tokens, came to its end.
    let work = llm.work();
    assert!(work.answer_tokens < 100, "{work:?}");
    staying.next().await.expect("the story goes on")?;
    Ok(())
}
