use std::time::Duration;

use futures_util::{FutureExt, StreamExt};
use maily_errors::Code;
use tokio::time::{Instant, advance, timeout};
use tower::{Layer, ServiceExt};

use super::limit::Limit;
use super::{Rules, Shed, ShedLayer};
use crate::memory::{Scripted, Step};
use crate::model::{Completion, Priority, Prompt};

const RULES: Rules = Rules {
    max_inflight: 2,
    adaptive: false,
    min_inflight: 1,
    queue: Duration::from_millis(300),
    max_queue: 2,
};

fn node(rules: Rules) -> (Shed<Scripted>, Scripted) {
    let node = Scripted::new([Step::Answer("Hi".into())]);
    (ShedLayer::new(rules).layer(node.clone()), node)
}

fn ask(
    node: &Shed<Scripted>,
    priority: Priority,
) -> impl Future<Output = maily_errors::Result<Completion>> + use<> {
    node.clone().oneshot(Prompt::text("m", "Hi").unwrap().with_priority(priority))
}

/// Answers that are under way, so that nobody else is let in.
async fn full(node: &Shed<Scripted>) -> Vec<Completion> {
    let mut open = Vec::new();
    for _ in 0..RULES.max_inflight {
        open.push(ask(node, Priority::Interactive).await.unwrap());
    }
    open
}

#[tokio::test(start_paused = true)]
async fn prompt_over_the_limit_waits_and_is_refused_in_time() {
    let (node, scripted) = node(RULES);
    let open = full(&node).await;
    let start = Instant::now();

    let err = ask(&node, Priority::Interactive).await.unwrap_err();

    assert_eq!(start.elapsed(), RULES.queue);
    assert_eq!((err.code(), err.retry_after()), (Code::Overloaded, Some(Duration::from_secs(1))));
    assert_eq!(scripted.calls(), 2);
    drop(open);
    ask(&node, Priority::Interactive).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn prompt_waits_no_longer_than_it_has_time() {
    let (node, scripted) = node(RULES);
    let _open = full(&node).await;
    let start = Instant::now();
    let deadline = start + Duration::from_millis(50);

    let prompt = Prompt::text("m", "Hi").unwrap().with_deadline(deadline);
    let err = node.oneshot(prompt).await.unwrap_err();

    assert_eq!((err.code(), start.elapsed()), (Code::Timeout, Duration::from_millis(50)));
    assert_eq!(scripted.calls(), 2);
}

#[tokio::test(start_paused = true)]
async fn place_is_free_at_the_end_of_the_body_and_not_before() {
    let (node, _) = node(RULES);
    let mut open = full(&node).await;
    let waiting = tokio::spawn(ask(&node, Priority::Interactive));
    tokio::task::yield_now().await;
    assert!(!waiting.is_finished());

    open.pop().unwrap().into_text().await.unwrap();

    assert!(timeout(Duration::from_millis(1), waiting).await.unwrap().unwrap().is_ok());
}

#[tokio::test(start_paused = true)]
async fn line_that_is_full_refuses_at_once() {
    let (node, _) = node(RULES);
    let _open = full(&node).await;
    let _waiting: Vec<_> =
        (0..RULES.max_queue).map(|_| tokio::spawn(ask(&node, Priority::Interactive))).collect();
    tokio::task::yield_now().await;
    let start = Instant::now();

    let err = ask(&node, Priority::Interactive).await.unwrap_err();

    assert_eq!((err.code(), start.elapsed()), (Code::Overloaded, Duration::ZERO));
}

#[tokio::test(start_paused = true)]
async fn interactive_goes_before_batch_that_came_earlier() {
    let (node, _) = node(RULES);
    let mut open = full(&node).await;
    let batch = tokio::spawn(ask(&node, Priority::Batch));
    tokio::task::yield_now().await;
    let interactive = tokio::spawn(ask(&node, Priority::Interactive));
    tokio::task::yield_now().await;

    open.pop();
    let first = interactive.await.unwrap().unwrap();
    assert!(!batch.is_finished());

    drop(first);
    assert!(batch.await.unwrap().is_ok());
}

#[tokio::test(start_paused = true)]
async fn interactive_takes_the_place_of_the_last_batch_in_a_full_line() {
    let (node, _) = node(RULES);
    let mut open = full(&node).await;
    let [first, last] = [(); 2].map(|()| tokio::spawn(ask(&node, Priority::Batch)));
    tokio::task::yield_now().await;
    assert_eq!(ask(&node, Priority::Batch).await.unwrap_err().code(), Code::Overloaded);

    let interactive = tokio::spawn(ask(&node, Priority::Interactive));
    let displaced = last.await.unwrap().unwrap_err();
    assert_eq!(displaced.code(), Code::Overloaded);

    open.clear();
    assert!(interactive.await.unwrap().is_ok() && first.await.unwrap().is_ok());
}

#[tokio::test(start_paused = true)]
async fn standard_stands_between_interactive_and_batch() {
    let (node, _) = node(RULES);
    let mut open = full(&node).await;
    let batch = tokio::spawn(ask(&node, Priority::Batch));
    tokio::task::yield_now().await;
    let standard = tokio::spawn(ask(&node, Priority::Standard));
    tokio::task::yield_now().await;
    // The line is full: the batch prompt makes room, the standard one does not for its equal.
    let second = tokio::spawn(ask(&node, Priority::Standard));
    assert_eq!(batch.await.unwrap().unwrap_err().code(), Code::Overloaded);
    assert_eq!(ask(&node, Priority::Standard).await.unwrap_err().code(), Code::Overloaded);
    let interactive = tokio::spawn(ask(&node, Priority::Interactive));
    assert_eq!(second.await.unwrap().unwrap_err().code(), Code::Overloaded);

    open.pop();
    let first = interactive.await.unwrap().unwrap();

    assert!(!standard.is_finished());
    drop(first);
    assert!(standard.await.unwrap().is_ok());
}

#[tokio::test(start_paused = true)]
async fn who_leaves_the_line_leaves_no_trace() {
    let (node, scripted) = node(RULES);
    let mut open = full(&node).await;
    for _ in 0..10 {
        assert!(ask(&node, Priority::Interactive).now_or_never().is_none());
    }
    // One that was given its turn, and leaves before it looks.
    let mut chosen = Box::pin(ask(&node, Priority::Interactive));
    assert!(chosen.as_mut().now_or_never().is_none());
    open.pop();
    drop(chosen);

    let last = ask(&node, Priority::Interactive).await.unwrap();

    assert_eq!(scripted.calls(), 3);
    drop((open, last));
    assert_eq!(full(&node).await.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn no_line_refuses_at_once() {
    let (node, _) = node(Rules { max_queue: 0, ..RULES });
    let _open = full(&node).await;

    let err = ask(&node, Priority::Interactive).now_or_never().unwrap().unwrap_err();

    assert_eq!(err.code(), Code::Overloaded);
}

#[tokio::test(start_paused = true)]
async fn adaptive_limit_lets_in_the_least_at_first() {
    let (node, _) = node(Rules { max_inflight: 100, adaptive: true, min_inflight: 2, max_queue: 0, ..RULES });
    let _open = full(&node).await;

    assert!(ask(&node, Priority::Interactive).await.is_err());

    advance(Duration::from_secs(1)).await;
}

#[test]
fn limit_grows_while_answers_are_fast_and_shrinks_when_they_queue() {
    // A node that answers 50 at once in 100 ms, and more of them in proportion later.
    let took = |inflight: u32| Duration::from_millis(100).mul_f64((f64::from(inflight) / 50.0).max(1.0));
    let mut limit = Limit::new(4, 1000);
    for _ in 0..5000 {
        limit.observe(took(limit.get()), limit.get());
    }
    assert!((50..=150).contains(&limit.get()), "{}", limit.get());

    let before = limit.get();
    (0..20).for_each(|_| limit.observe(Duration::from_secs(5), before));
    assert!(limit.get() < before / 2, "{} of {before}", limit.get());
    (0..200).for_each(|_| limit.failed());
    assert_eq!(limit.get(), 4);
}

#[test]
fn limit_that_is_not_reached_stays() {
    let mut limit = Limit::new(10, 1000);

    (0..1000).for_each(|_| limit.observe(Duration::from_millis(10), 2));

    assert_eq!(limit.get(), 10);
}

#[tokio::test(start_paused = true)]
async fn limit_that_grows_lets_in_those_who_wait() {
    let (node, scripted) =
        node(Rules { adaptive: true, min_inflight: 2, max_inflight: 100, max_queue: 10, ..RULES });
    let mut open =
        [ask(&node, Priority::Standard).await.unwrap(), ask(&node, Priority::Standard).await.unwrap()];
    let mut waiting = Box::pin(ask(&node, Priority::Standard));
    assert!((&mut waiting).now_or_never().is_none());

    // Fast first bytes, of answers that go on: none of them gives up its place.
    for answer in &mut open {
        answer.body.next().await.unwrap().unwrap();
    }

    assert!(waiting.now_or_never().is_some());
    assert_eq!(scripted.calls(), 3);
}
