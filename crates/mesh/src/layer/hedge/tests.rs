use std::time::Duration;

use maily_errors::Code;
use tokio::time::Instant;
use tower::{Layer, Service, ServiceExt};

use super::{HedgeLayer, Patience};
use crate::balance::{Balance, Node, Nodes};
use crate::layer::deadline::{DeadlineLayer, Limits};
use crate::layer::retry::{Budget, Policy, RetryLayer};
use crate::memory::{Scripted, Step};
use crate::model::{Message, Prompt};

const PATIENCE: Patience = Patience { least: Duration::from_millis(10), unknown: Duration::from_secs(2) };

fn prompt() -> Prompt {
    Prompt::chat("m", &[Message::user("Hi")], true).unwrap()
}

fn fleet(nodes: &[(&str, &Scripted)]) -> Balance {
    let fleet = Nodes::default();
    for (name, node) in nodes {
        fleet.insert(Node::new(*name, (*node).clone()));
    }
    Balance::new(fleet)
}

#[tokio::test(start_paused = true)]
async fn node_that_is_slow_to_begin_loses_to_a_second_one() {
    let (silent, fast) = (Scripted::new([Step::Hang]), Scripted::new([Step::Answer("Hello".into())]));
    let mut hedge = HedgeLayer::new(Some(PATIENCE)).layer(fleet(&[("silent", &silent), ("fast", &fast)]));

    while silent.calls() == 0 {
        let start = Instant::now();
        let answer = hedge.ready().await.unwrap().call(prompt()).await.unwrap();
        let waited = if silent.calls() > 0 { PATIENCE.unknown } else { Duration::ZERO };
        assert_eq!(start.elapsed(), waited);
        assert_eq!(answer.into_text().await.unwrap(), "Hello");
    }

    // The loser was cancelled, so it is not waited for.
    assert_eq!(silent.calls(), 1);
}

#[tokio::test(start_paused = true)]
async fn node_that_begins_with_a_role_only_has_not_begun() {
    let stalled = Scripted::new([Step::Stall(String::new())]);
    let fast = Scripted::new([Step::Answer("Hello".into())]);
    let mut hedge = HedgeLayer::new(Some(PATIENCE)).layer(fleet(&[("stalled", &stalled), ("fast", &fast)]));

    while stalled.calls() == 0 {
        let answer = hedge.ready().await.unwrap().call(prompt()).await.unwrap();
        assert_eq!(answer.head.node.as_ref().unwrap().as_str(), "fast");
    }
}

#[tokio::test(start_paused = true)]
async fn lone_node_is_never_asked_twice() {
    let silent = Scripted::new([Step::Hang]);
    let mut hedge = HedgeLayer::new(Some(PATIENCE)).layer(fleet(&[("silent", &silent)]));

    let answer = tokio::time::timeout(Duration::from_secs(60), hedge.call(prompt())).await;

    assert!(answer.is_err());
    assert_eq!(silent.calls(), 1);
}

#[tokio::test(start_paused = true)]
async fn second_node_that_fails_leaves_the_word_to_the_first() {
    let slow = Scripted::new([Step::Hang]);
    let broken = Scripted::new([Step::Fail(Code::NodeFailed)]);
    let mut hedge = HedgeLayer::new(Some(PATIENCE)).layer(fleet(&[("slow", &slow), ("broken", &broken)]));

    while slow.calls() == 0 || broken.calls() == 0 {
        let _ =
            tokio::time::timeout(Duration::from_secs(60), hedge.ready().await.unwrap().call(prompt())).await;
    }
}

#[tokio::test(start_paused = true)]
async fn spent_budget_asks_no_second_node() {
    let silent = [Scripted::new([Step::Hang]), Scripted::new([Step::Hang])];
    let budget = Budget::new(0, 0);
    let layer = HedgeLayer::new(Some(PATIENCE)).with_budget(budget);
    let mut hedge = layer.layer(fleet(&[("a", &silent[0]), ("b", &silent[1])]));

    let _ = tokio::time::timeout(Duration::from_secs(60), hedge.call(prompt())).await;

    assert_eq!(silent[0].calls() + silent[1].calls(), 1);
}

#[tokio::test(start_paused = true)]
async fn lone_node_that_was_slow_and_failed_is_asked_again() {
    // Enough for one repetition: nobody was asked beside the node, which costs nothing.
    let budget = Budget::new(0, Budget::cost(&prompt().head));
    let answers = [Step::Stall(String::new()), Step::Answer("Hello".into())];
    let nodes = fleet(&[("lone", &Scripted::new(answers))]);
    let limits = Limits { first_token: Duration::from_secs(5), ..Limits::default() };
    let retry = RetryLayer::new(Policy::default()).with_budget(budget.clone());
    let retry = retry.layer(DeadlineLayer::new(limits).layer(nodes));
    let mut hedge = HedgeLayer::new(Some(PATIENCE)).with_budget(budget).layer(retry);

    let answer = hedge.ready().await.unwrap().call(prompt()).await.unwrap();

    assert_eq!(answer.into_text().await.unwrap(), "Hello");
}
