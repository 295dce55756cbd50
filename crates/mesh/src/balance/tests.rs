use std::collections::HashMap;
use std::time::Duration;

use maily_errors::{Code, Result};
use tokio::time::{Instant, advance};
use tower::ServiceExt;

use super::{Balance, Node, Nodes};
use crate::memory::{Scripted, Step};
use crate::model::{Completion, Prompt};

fn answering() -> Scripted {
    Scripted::new([Step::Answer("Hi".into())])
}

fn fleet<const N: usize>(nodes: [(&str, &Scripted); N]) -> Nodes {
    let fleet = Nodes::default();
    for (name, node) in nodes {
        fleet.insert(Node::new(name, node.clone()).with_model("m"));
    }
    fleet
}

async fn ask(nodes: &Nodes) -> Result<Completion> {
    Balance::new(nodes.clone()).oneshot(Prompt::text("m", "Hi").unwrap()).await
}

#[tokio::test(start_paused = true)]
async fn equal_nodes_share_the_prompts() {
    let (left, right) = (answering(), answering());
    let nodes = fleet([("left", &left), ("right", &right)]);

    // Held open, so that each prompt is load.
    let mut open = Vec::new();
    for _ in 0..100 {
        open.push(ask(&nodes).await.unwrap());
    }

    assert!((45..=55).contains(&left.calls()), "{}", left.calls());
    assert_eq!(nodes.status().iter().map(|node| node.inflight).sum::<u32>(), 100);
    drop(open);
    assert!(nodes.status().iter().all(|node| node.inflight == 0));
}

#[tokio::test(start_paused = true)]
async fn slow_node_gets_few_prompts() {
    let (slow, fast) = (answering(), answering());
    let nodes = fleet([("slow", &slow), ("fast", &fast)]);

    // The reader of the slow one gets its first byte after 400 ms.
    for _ in 0..50 {
        let answer = ask(&nodes).await.unwrap();
        let is_slow = answer.head.node.as_ref().unwrap().as_str() == "slow";
        advance(Duration::from_millis(if is_slow { 400 } else { 10 })).await;
        answer.into_text().await.unwrap();
    }

    assert!(slow.calls() <= 5, "{}", slow.calls());
}

#[tokio::test(start_paused = true)]
async fn node_that_is_unreachable_is_left_out_and_tried_again() {
    let dead = Scripted::new([Step::Fail(Code::NodeUnreachable), Step::Answer("back".into())]);
    let alive = answering();
    let nodes = fleet([("dead", &dead), ("alive", &alive)]);
    while dead.calls() == 0 {
        let _ = ask(&nodes).await;
    }

    for _ in 0..20 {
        ask(&nodes).await.unwrap();
    }
    assert_eq!(dead.calls(), 1);
    assert!(!nodes.status()[0].available);

    advance(Duration::from_secs(1)).await;
    assert!(nodes.status()[0].available);
    while dead.calls() == 1 {
        ask(&nodes).await.unwrap().into_text().await.unwrap();
        advance(Duration::from_secs(1)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn lone_unreachable_node_is_tried_each_time() {
    let node = Scripted::new([Step::Fail(Code::NodeUnreachable), Step::Answer("back".into())]);
    let nodes = fleet([("only", &node)]);

    assert_eq!(ask(&nodes).await.unwrap_err().code(), Code::NodeUnreachable);

    assert_eq!(ask(&nodes).await.unwrap().into_text().await.unwrap(), "back");
}

#[tokio::test(start_paused = true)]
async fn node_that_asks_to_slow_down_is_left_alone_for_that_time() {
    let asked = Duration::from_secs(20);
    let node = Scripted::new([Step::Throttle(asked), Step::Answer("now".into())]);
    let nodes = fleet([("only", &node)]);
    ask(&nodes).await.unwrap_err();
    let start = Instant::now();

    advance(asked - Duration::from_secs(1)).await;
    let err = ask(&nodes).await.unwrap_err();

    assert_eq!((err.code(), node.calls()), (Code::NodeThrottled, 1));
    assert_eq!(err.retry_after(), Some(Duration::from_secs(1)));
    advance(Duration::from_secs(1)).await;
    assert!(ask(&nodes).await.is_ok());
    assert_eq!(start.elapsed(), asked);
}

#[tokio::test(start_paused = true)]
async fn error_says_that_another_node_may_be_asked_at_once() {
    let throttled = Scripted::new([Step::Throttle(Duration::from_secs(60))]);
    let alive = answering();
    let nodes = fleet([("throttled", &throttled), ("alive", &alive)]);

    let err = loop {
        if let Err(err) = ask(&nodes).await {
            break err;
        }
    };

    assert_eq!(err.retry_after(), Some(Duration::ZERO));
    assert_eq!(err.public_context().collect::<HashMap<_, _>>()["node"], "throttled");
}

#[tokio::test(start_paused = true)]
async fn node_that_fails_loses_to_one_that_answers() {
    let failing = Scripted::new([Step::Fail(Code::NodeFailed)]);
    let alive = answering();
    let nodes = fleet([("failing", &failing), ("alive", &alive)]);

    for _ in 0..50 {
        if let Ok(answer) = ask(&nodes).await {
            answer.into_text().await.unwrap();
        }
    }

    assert!(failing.calls() <= 2, "{}", failing.calls());
}

#[tokio::test]
async fn name_at_the_node_is_spliced_in() {
    let node = answering();
    let nodes = Nodes::default();
    nodes.insert(Node::new("n", node.clone()).with_renamed("small", "org/Small-1B"));

    for model in ["small", "default"] {
        let prompt = Prompt::text(model, "Hi").unwrap();
        Balance::new(nodes.clone()).oneshot(prompt).await.unwrap();
        assert_eq!(node.seen().pop().unwrap().body(), Prompt::text("org/Small-1B", "Hi").unwrap().body());
    }
}

#[tokio::test]
async fn model_that_nobody_serves_is_not_found() {
    let node = answering();
    let nodes = fleet([("n", &node)]);
    let prompt = || Prompt::text("other", "Hi").unwrap();

    let err = Balance::new(nodes.clone()).oneshot(prompt()).await.unwrap_err();
    assert_eq!(err.code(), Code::ModelNotFound);

    nodes.insert(Node::new("any", answering()));
    assert!(Balance::new(nodes.clone()).oneshot(prompt()).await.is_ok());
    let listed: Vec<_> = nodes.models().iter().map(|model| model.id.to_string()).collect();
    assert_eq!(listed, ["default", "m"]);

    assert!(nodes.remove("n") && nodes.remove("any") && !nodes.remove("any"));
    let err = Balance::new(nodes).oneshot(prompt()).await.unwrap_err();
    assert_eq!(err.code(), Code::NoNode);
}

#[tokio::test]
async fn source_inserts_and_says_when_it_broke() {
    let nodes = Nodes::default();

    nodes.follow(crate::memory::nodes([Node::new("a", answering()).with_model("m")])).await.unwrap();

    assert_eq!(nodes.models()[0].id.as_str(), "m");
    assert_eq!(nodes.models()[0].nodes[0].as_str(), "a");
}
