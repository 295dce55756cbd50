use std::future::ready;
use std::time::Duration;

use futures_util::{StreamExt, stream};
use maily_errors::{Code, Error, Value};
use tokio::time::{Instant, sleep};
use tower::{Layer, ServiceExt, service_fn};

use super::{DeadlineLayer, Limits};
use crate::balance::{Balance, Node, Nodes, Rules};
use crate::body::Body;
use crate::layer::breaker::{self, State};
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

#[tokio::test(start_paused = true)]
async fn token_that_comes_in_halves_is_a_first_token() {
    let (event, end) = (TOKEN.trim_end(), "\n\n");
    let body = watch((0..8).flat_map(|_| [(1, event), (1, end)]).collect()).await;
    let start = Instant::now();

    let items: Vec<_> = body.collect().await;

    assert_eq!(phase(items[16].as_ref().unwrap_err()), &Value::from("between tokens"));
    assert_eq!(start.elapsed(), Duration::from_secs(16) + LIMITS.between);
}

#[tokio::test(start_paused = true)]
async fn node_that_is_faster_than_its_reader_is_left_when_the_time_is_over() {
    let mut answer = Some(Completion::new(true, Body::stream(stream::repeat_with(|| Ok(TOKEN.into())))));
    let node = service_fn(move |_: Prompt| ready(Ok::<_, Error>(answer.take().unwrap())));
    let prompt = streamed().with_deadline(Instant::now() + Duration::from_secs(10));
    let mut body = DeadlineLayer::new(LIMITS).layer(node).oneshot(prompt).await.unwrap().body;

    let mut read = 0;
    let err = loop {
        match body.next().await.unwrap() {
            Ok(_) => read += 1,
            Err(err) => break err,
        }
        sleep(Duration::from_secs(1)).await;
    };

    assert_eq!(phase(&err), &Value::from("total"));
    assert!((10..50).contains(&read), "{read}");
    assert!(body.next().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn silence_is_a_failure_of_the_node_unless_the_callers_time_is_over() {
    for (step, streams, own, failed) in [
        (Step::Stall("half".into()), true, None, true),
        (Step::Stall(String::new()), true, None, true),
        (Step::Hang, false, None, true),
        (Step::Stall("half".into()), true, Some(1), false),
        (Step::Hang, false, Some(1), false),
    ] {
        let breaker = breaker::Rules { min_calls: 1, ..breaker::Rules::default() };
        let rules = Rules { silence: LIMITS.headers, whole: LIMITS.whole, breaker, ..Rules::default() };
        let nodes = Nodes::new(rules);
        nodes.insert(Node::new("silent", Scripted::new([step])));
        let node = DeadlineLayer::new(LIMITS).layer(Balance::new(nodes.clone()));
        let prompt = Prompt::chat("m", &[Message::user("Hi")], streams).unwrap();
        let prompt = own
            .into_iter()
            .fold(prompt, |prompt, own| prompt.with_deadline(Instant::now() + Duration::from_secs(own)));

        if let Ok(answer) = node.oneshot(prompt).await {
            assert!(answer.body.collect::<Vec<_>>().await.last().unwrap().is_err());
        }

        assert_eq!(nodes.status()[0].breaker == State::Open, failed, "{streams} {own:?}");
    }
}
