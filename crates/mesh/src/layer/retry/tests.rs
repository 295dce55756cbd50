use std::time::Duration;

use futures_util::TryStreamExt;
use maily_errors::{Code, Status};
use tokio::time::Instant;
use tower::{Layer, ServiceExt};

use super::{Policy, RetryLayer};
use crate::memory::{Scripted, Step};
use crate::model::Prompt;

fn prompt() -> Prompt {
    Prompt::text("m", "Hi").unwrap()
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
async fn body_that_fails_before_its_first_byte_is_repeated() {
    let node = Scripted::new([Step::Cut(String::new()), Step::Answer("whole".into())]);

    let answer = RetryLayer::default().layer(node.clone()).oneshot(prompt()).await.unwrap();

    assert_eq!(answer.into_text().await.unwrap(), "whole");
    assert_eq!(node.calls(), 2);
}

#[tokio::test(start_paused = true)]
async fn body_that_fails_after_its_first_byte_is_not_repeated() {
    let node = Scripted::new([Step::Cut("half".into()), Step::Answer("whole".into())]);
    let answer = RetryLayer::default().layer(node.clone()).oneshot(prompt()).await.unwrap();

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

    // A fifth for each prompt, and the reserve of ten.
    assert_eq!(node.calls(), 1000 + 200 + 10);
}
