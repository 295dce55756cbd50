use std::future::ready;
use std::time::Duration;

use futures_util::{StreamExt, stream};
use maily_errors::{Code, Error, Value};
use tokio::time::{Instant, sleep};
use tower::{Layer, ServiceExt, service_fn};

use super::{DeadlineLayer, Limits};
use crate::body::Body;
use crate::memory::{Scripted, Step};
use crate::model::{Completion, Message, Prompt};

const LIMITS: Limits = Limits {
    headers: Duration::from_secs(5),
    first_token: Duration::from_secs(10),
    between: Duration::from_secs(3),
    whole: Duration::from_secs(60),
};

fn streamed() -> Prompt {
    Prompt::chat("m", &[Message::user("Hi")], true).unwrap()
}

fn phase(err: &Error) -> &Value {
    assert_eq!(err.code(), Code::Timeout);
    err.public_context().next().expect("the phase").1
}

/// Asks a node whose stream has these chunks, each after a while, and then nothing any more.
async fn watch(chunks: Vec<(u64, &'static str)>) -> Body {
    let said = stream::iter(chunks).then(|(after, chunk)| async move {
        sleep(Duration::from_secs(after)).await;
        Ok(bytes::Bytes::from_static(chunk.as_bytes()))
    });
    let mut answer = Some(Completion::new(true, Body::stream(said.chain(stream::pending()))));
    let node = service_fn(move |_: Prompt| ready(Ok::<_, Error>(answer.take().expect("it is asked once"))));
    DeadlineLayer::new(LIMITS).layer(node).oneshot(streamed()).await.unwrap().body
}

const ROLE: &str = "data: {\"choices\":[{\"delta\":{\"role\":\"assistant\",\"content\":\"\"}}]}\n\n";
const TOKEN: &str = "data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\n";

#[tokio::test(start_paused = true)]
async fn node_that_sends_no_head_is_left_at_the_limit() {
    let start = Instant::now();
    let node = DeadlineLayer::new(LIMITS).layer(Scripted::new([Step::Hang]));

    let err = node.oneshot(streamed()).await.unwrap_err();

    assert_eq!(phase(&err), &Value::from("headers"));
    assert_eq!(start.elapsed(), LIMITS.headers);
}

#[tokio::test(start_paused = true)]
async fn answer_in_one_piece_has_a_limit_of_its_own() {
    let start = Instant::now();
    let node = DeadlineLayer::new(LIMITS).layer(Scripted::new([Step::Hang]));

    let err = node.oneshot(Prompt::text("m", "Hi").unwrap()).await.unwrap_err();

    assert_eq!(phase(&err), &Value::from("whole answer"));
    assert_eq!(start.elapsed(), LIMITS.whole);
}

#[tokio::test(start_paused = true)]
async fn role_and_comments_are_no_first_token() {
    let start = Instant::now();
    let mut body = watch(vec![(1, ROLE), (3, ": ping\n\n"), (3, ": ping\n\n")]).await;

    let items: Vec<_> = body.by_ref().collect().await;

    assert_eq!(items.len(), 4);
    assert_eq!(phase(items[3].as_ref().unwrap_err()), &Value::from("first token"));
    assert_eq!(start.elapsed(), LIMITS.first_token);
}

#[tokio::test(start_paused = true)]
async fn node_that_falls_silent_is_left_at_the_limit_between_tokens() {
    let mut body = watch(vec![(0, TOKEN), (2, TOKEN), (2, TOKEN), (2, ": ping\n\n")]).await;
    let start = Instant::now();

    let items: Vec<_> = body.by_ref().collect().await;

    assert_eq!(phase(items[4].as_ref().unwrap_err()), &Value::from("between tokens"));
    assert_eq!(start.elapsed(), Duration::from_secs(4) + LIMITS.between);
    assert!(body.next().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn pings_of_messages_do_not_keep_a_silent_node() {
    const WORD: &str = "event: content_block_delta\ndata: {\"delta\":{\"text\":\"a\"}}\n\n";
    const PING: &str = "event: ping\ndata: {\"type\": \"ping\"}\n\n";
    let mut body = watch(vec![(0, WORD), (1, PING), (1, PING), (2, PING)]).await;
    let start = Instant::now();

    let items: Vec<_> = body.by_ref().collect().await;

    assert_eq!(phase(items.last().unwrap().as_ref().unwrap_err()), &Value::from("between tokens"));
    assert_eq!(start.elapsed(), LIMITS.between);
}

#[tokio::test(start_paused = true)]
async fn slow_reader_is_not_the_fault_of_the_node() {
    let mut body = watch(vec![(0, TOKEN), (0, TOKEN), (1, TOKEN)]).await;

    for _ in 0..3 {
        assert!(body.next().await.unwrap().is_ok());
        sleep(LIMITS.between * 2).await;
    }
}

#[tokio::test(start_paused = true)]
async fn prompt_with_an_earlier_deadline_wins() {
    let start = Instant::now();
    let node = DeadlineLayer::new(LIMITS).layer(Scripted::new([Step::Hang]));
    let prompt = streamed().with_deadline(start + Duration::from_secs(1));

    let err = node.oneshot(prompt).await.unwrap_err();

    assert_eq!(phase(&err), &Value::from("total"));
    assert_eq!(start.elapsed(), Duration::from_secs(1));
}
