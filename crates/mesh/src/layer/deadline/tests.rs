use std::time::Duration;

use futures_util::StreamExt;
use maily_errors::{Code, Value};
use tokio::time::Instant;
use tower::{Layer, ServiceExt};

use super::{DeadlineLayer, Limits};
use crate::memory::{Scripted, Step};
use crate::model::Prompt;

const LIMITS: Limits = Limits { first_byte: Duration::from_secs(10), between: Duration::from_secs(3) };

#[tokio::test(start_paused = true)]
async fn node_that_does_not_answer_is_left_at_the_limit() {
    let start = Instant::now();
    let node = DeadlineLayer::new(LIMITS).layer(Scripted::new([Step::Hang]));

    let err = node.oneshot(Prompt::text("m", "Hi").unwrap()).await.unwrap_err();

    assert_eq!(err.code(), Code::Timeout);
    assert_eq!(start.elapsed(), LIMITS.first_byte);
}

#[tokio::test(start_paused = true)]
async fn node_that_falls_silent_is_left_at_the_limit_between_chunks() {
    let node = DeadlineLayer::new(LIMITS).layer(Scripted::new([Step::Stall("half".into())]));
    let mut body = node.oneshot(Prompt::text("m", "Hi").unwrap()).await.unwrap().body;
    assert!(body.next().await.unwrap().is_ok());
    let start = Instant::now();

    let err = body.next().await.unwrap().unwrap_err();

    assert_eq!(err.public_context().next(), Some(("phase", &Value::from("between chunks"))));
    assert_eq!(start.elapsed(), LIMITS.between);
    assert!(body.next().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn prompt_with_an_earlier_deadline_wins() {
    let start = Instant::now();
    let node = DeadlineLayer::new(LIMITS).layer(Scripted::new([Step::Hang]));
    let prompt = Prompt::text("m", "Hi").unwrap().with_deadline(start + Duration::from_secs(1));

    node.oneshot(prompt).await.unwrap_err();

    assert_eq!(start.elapsed(), Duration::from_secs(1));
}
