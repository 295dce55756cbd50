use std::time::Duration;

use futures_util::TryStreamExt;
use maily_errors::{Code, Status};
use tokio::time::Instant;
use tower::{Layer, ServiceExt};

use super::{Policy, RetryLayer};
use crate::memory::{Scripted, Step};
use crate::model::{Message, Prompt};

fn prompt() -> Prompt {
    Prompt::text("m", "Hi").unwrap()
}

fn streamed() -> Prompt {
    Prompt::chat("m", &[Message::user("Hi")], true).unwrap()
}

#[tokio::test(start_paused = true)]
async fn temporary_errors_are_repeated_until_the_attempts_are_spent() {
    let node = Scripted::new([Step::Fail(Code::NodeFailed)]);

    let err = RetryLayer::default().layer(node.clone()).oneshot(prompt()).await.unwrap_err();

    assert_eq!(node.calls(), 3);
    assert_eq!(err.code(), Code::NodeFailed);
    assert_eq!(err.status(), Status::Persistent);
}

#[tokio::test(start_paused = true)]
async fn permanent_errors_are_not_repeated() {
    let node = Scripted::new([Step::Fail(Code::NodeRejected)]);

    let err = RetryLayer::default().layer(node.clone()).oneshot(prompt()).await.unwrap_err();

    assert_eq!((node.calls(), err.status()), (1, Status::Permanent));
}

#[tokio::test(start_paused = true)]
async fn body_that_fails_before_it_begins_is_repeated() {
    let node = Scripted::new([Step::Cut(String::new()), Step::Answer("whole".into())]);

    let answer = RetryLayer::default().layer(node.clone()).oneshot(prompt()).await.unwrap();

    assert_eq!(answer.into_text().await.unwrap(), "whole");
    assert_eq!(node.calls(), 2);
}

#[tokio::test(start_paused = true)]
async fn body_that_fails_after_it_began_is_not_repeated() {
    let node = Scripted::new([Step::Cut("half".into()), Step::Answer("whole".into())]);
    let answer = RetryLayer::default().layer(node.clone()).oneshot(streamed()).await.unwrap();

    let err = answer.body.try_collect::<Vec<_>>().await.unwrap_err();

    assert_eq!((err.code(), node.calls()), (Code::StreamCut, 1));
}

#[tokio::test(start_paused = true)]
async fn retry_after_is_waited_for() {
    let asked = Duration::from_millis(1500);
    let node = Scripted::new([Step::Throttle(asked), Step::Answer("now".into())]);
    let start = Instant::now();

    RetryLayer::default().layer(node).oneshot(prompt()).await.unwrap();

    assert_eq!(start.elapsed(), asked);
}

#[tokio::test(start_paused = true)]
async fn retry_after_that_is_too_long_fails_at_once() {
    let node = Scripted::new([Step::Throttle(Duration::from_secs(60))]);
    let start = Instant::now();

    let err = RetryLayer::default().layer(node.clone()).oneshot(prompt()).await.unwrap_err();

    assert_eq!(err.retry_after(), Some(Duration::from_secs(60)));
    assert_eq!((node.calls(), start.elapsed()), (1, Duration::ZERO));
}

#[tokio::test(start_paused = true)]
async fn attempt_that_would_start_after_the_deadline_is_not_made() {
    let node = Scripted::new([Step::Throttle(Duration::from_secs(1))]);
    let prompt = prompt().with_deadline(Instant::now() + Duration::from_millis(900));

    RetryLayer::default().layer(node.clone()).oneshot(prompt).await.unwrap_err();

    assert_eq!(node.calls(), 1);
}

#[tokio::test(start_paused = true)]
async fn fleet_that_fails_sees_few_more_calls_than_prompts() {
    let node = Scripted::new([Step::Fail(Code::NodeFailed)]);
    let layer = RetryLayer::new(Policy::default());

    for _ in 0..1000 {
        layer.layer(node.clone()).oneshot(prompt()).await.unwrap_err();
    }

    println!("1000 prompts at a fleet that fails: {} calls", node.calls());
    // A tenth for each prompt, and the reserve of eight; the last one may overdraw.
    assert!(node.calls() <= 1000 + 100 + 10, "{}", node.calls());
}

#[tokio::test(start_paused = true)]
async fn few_prompts_at_a_fleet_that_fails_are_at_most_a_fifth_more() {
    let node = Scripted::new([Step::Fail(Code::NodeFailed)]);
    let layer = RetryLayer::new(Policy::default());

    for _ in 0..100 {
        layer.layer(node.clone()).oneshot(prompt()).await.unwrap_err();
    }

    assert!(node.calls() <= 120, "{}", node.calls());
}

#[tokio::test(start_paused = true)]
async fn long_prompt_leaves_a_debt_that_short_ones_pay_back() {
    let long = Prompt::text("m", "x".repeat(4 * 32_000)).unwrap();
    let node = Scripted::new([Step::Fail(Code::NodeFailed)]);
    let layer = RetryLayer::new(Policy { attempts: 2, ..Policy::default() });

    layer.layer(node.clone()).oneshot(long).await.unwrap_err();
    assert_eq!(node.calls(), 2);
    let mut short = 0;
    while node.calls() == 2 + short {
        layer.layer(node.clone()).oneshot(prompt()).await.unwrap_err();
        short += 1;
    }

    println!("a prompt of 32,000 tokens is paid back by {short} short ones");
    assert!((400..600).contains(&short), "{short}");
}

#[tokio::test(start_paused = true)]
async fn object_that_breaks_off_in_the_middle_is_repeated() {
    let cut = futures_util::stream::iter([
        Ok(bytes::Bytes::from_static(b"{\"choices\":[")),
        Err(maily_errors::Error::new(Code::StreamCut, "cut")),
    ]);
    let mut body = crate::Body::stream(cut);

    let err = std::future::poll_fn(|cx| body.poll_begin(false, cx)).await.unwrap_err();

    assert_eq!(err.code(), Code::StreamCut);
    assert!(futures_util::StreamExt::next(&mut body).await.is_none());
}

#[tokio::test(start_paused = true)]
async fn failure_of_the_last_node_is_told_and_not_that_there_is_no_other() {
    let node = Scripted::new([Step::Fail(Code::NodeFailed), Step::Fail(Code::NoNode)]);

    let err = RetryLayer::default().layer(node.clone()).oneshot(prompt()).await.unwrap_err();

    assert_eq!((err.code(), node.calls()), (Code::NodeFailed, 2));
}
