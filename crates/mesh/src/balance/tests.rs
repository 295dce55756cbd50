use std::collections::HashMap;
use std::future::ready;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use futures_util::{StreamExt, stream};
use maily_errors::{Code, Error, Result};
use tokio::time::{Instant, advance};
use tower::{ServiceExt, service_fn};

use super::{Balance, Node, Nodes, Rules};
use crate::layer::breaker::State;
use crate::membership::Place;
use crate::memory::{Scripted, Step};
use crate::model::{Completion, Origin, Prompt};
use crate::port::NodeChange;

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
async fn pause_is_kept_for_429_and_503_and_for_an_hour_at_most() {
    const HOUR: Duration = Duration::from_secs(3600);
    for code in [Code::NodeThrottled, Code::NodeFailed] {
        for (asked, kept) in [(HOUR / 2, HOUR / 2), (HOUR, HOUR), (HOUR * 24, HOUR)] {
            let calls = Arc::new(AtomicU32::new(0));
            let counted = Arc::clone(&calls);
            let nodes = Nodes::default();
            nodes.insert(Node::new(
                "only",
                service_fn(move |_: Prompt| {
                    counted.fetch_add(1, Ordering::Relaxed);
                    ready(Err(Error::new(code, "busy").with_retry_after(asked)))
                }),
            ));
            ask(&nodes).await.unwrap_err();

            for _ in 0..9 {
                advance(kept / 10).await;
                ask(&nodes).await.unwrap_err();
            }
            assert_eq!(calls.load(Ordering::Relaxed), 1, "{code:?} {asked:?}");
            advance(kept / 10).await;
            ask(&nodes).await.unwrap_err();
            assert_eq!(calls.load(Ordering::Relaxed), 2, "{code:?} {asked:?}");
        }
    }
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

#[tokio::test]
async fn source_removes_only_what_no_other_has_named_since() {
    let nodes = Nodes::default();
    let node = |name: &str, origin| Node::new(name, answering()).with_origin(Origin::new(origin));
    let (insert, remove) = (NodeChange::Insert, |name: &str| NodeChange::Remove(name.into()));
    nodes.insert(node("never", "settings"));
    let redis = nodes.clone();
    let moved = node("moved", "redis");

    let file = stream::iter([insert(node("moved", "file")), insert(node("gone", "file"))])
        .chain(stream::once(async move {
            redis.insert(moved);
            remove("moved")
        }))
        .chain(stream::iter([remove("gone"), remove("never")]));
    nodes.follow(file.map(Ok)).await.unwrap();

    let left: Vec<_> = nodes.status().iter().map(|node| node.name.to_string()).collect();
    assert_eq!(left, ["never", "moved"]);
}

/// Asks one prompt after the other, each of a prefix of its own, and returns how many each node got.
async fn spread(nodes: &Nodes, prompts: usize) -> HashMap<String, usize> {
    let mut seen = HashMap::new();
    for number in 0..prompts {
        let prompt = Prompt::text("m", format!("{number:<400}")).unwrap();
        let answer = Balance::new(nodes.clone()).oneshot(prompt).await.unwrap();
        *seen.entry(answer.head.node.clone().unwrap().to_string()).or_default() += 1;
        answer.into_text().await.unwrap();
    }
    seen
}

fn node(name: &str) -> Node {
    Node::new(name, answering()).with_model("m")
}

#[tokio::test(start_paused = true)]
async fn weights_are_the_shares_of_the_prompts() {
    let nodes = Nodes::new(Rules { seed: Some(1), ..Rules::default() });
    nodes.insert(node("one").with_weight(1.0));
    nodes.insert(node("three").with_weight(3.0));

    let seen = spread(&nodes, 1000).await;

    assert!((680..=820).contains(&seen["three"]), "{seen:?}");
    assert!((nodes.status()[1].share - seen["three"] as f64 / 1000.0).abs() < 1e-9);
}

#[tokio::test(start_paused = true)]
async fn canary_takes_exactly_its_share_also_when_the_set_changes() {
    let nodes = Nodes::default();
    nodes.insert(node("old"));
    nodes.insert(node("new").with_canary_pct(10.0));

    let before = spread(&nodes, 500).await;
    nodes.insert(node("older"));
    let after = spread(&nodes, 500).await;

    assert!((before["new"] + after["new"]).abs_diff(100) <= 1, "{before:?} {after:?}");
    nodes.remove("old");
    nodes.remove("older");
    assert_eq!(spread(&nodes, 10).await["new"], 10, "nobody else is there");
}

#[tokio::test(start_paused = true)]
async fn node_without_room_waits_until_nobody_has_any() {
    let nodes = Nodes::default();
    nodes.insert(node("small").with_capacity(2));
    nodes.insert(node("large").with_capacity(8));
    let mut open = Vec::new();
    for _ in 0..10 {
        open.push(ask(&nodes).await.unwrap());
    }

    let inflight: Vec<_> = nodes.status().iter().map(|node| node.inflight).collect();
    assert_eq!(inflight, [2, 8]);
    assert!(ask(&nodes).await.is_ok(), "a capacity is no limit");
}

#[tokio::test(start_paused = true)]
async fn cheapest_is_asked_while_it_is_not_much_slower() {
    let nodes = Nodes::new(Rules { slower_factor: 2.0, ..Rules::default() });
    nodes.insert(node("dear").with_price(10.0));
    nodes.insert(node("cheap").with_price(1.0));
    assert_eq!(spread(&nodes, 50).await["cheap"], 50);

    let slow = ask(&nodes).await.unwrap();
    advance(Duration::from_millis(500)).await;
    slow.into_text().await.unwrap();

    assert_eq!(spread(&nodes, 50).await["dear"], 50);
}

#[tokio::test(start_paused = true)]
async fn own_zone_is_asked_until_it_is_much_slower() {
    let nodes = Nodes::new(Rules { zone: Some("here".to_owned()), away_factor: 3.0, ..Rules::default() });
    nodes.insert(node("far").with_zone("there"));
    nodes.insert(node("near").with_zone("here"));
    assert_eq!(spread(&nodes, 50).await["near"], 50);

    let mut open = Vec::new();
    for _ in 0..20 {
        open.push(ask(&nodes).await.unwrap());
    }

    let inflight: Vec<_> = nodes.status().iter().map(|node| node.inflight).collect();
    assert!((4..=6).contains(&inflight[0]), "a quarter of them goes there: {inflight:?}");
}

#[tokio::test(start_paused = true)]
async fn prefix_stays_at_a_node_and_leaves_it_when_that_is_overloaded() {
    let nodes = Nodes::new(Rules { seed: Some(3), ..Rules::default() });
    for name in ["a", "b", "c", "d"] {
        nodes.insert(node(name));
    }
    let prompt = || Prompt::text("m", "the same ".repeat(200)).unwrap();
    let at = async || {
        let answer = Balance::new(nodes.clone()).oneshot(prompt()).await.unwrap();
        (answer.head.node.clone().unwrap().to_string(), answer)
    };
    let (home, first) = at().await;
    first.into_text().await.unwrap();
    for _ in 0..20 {
        let (place, answer) = at().await;
        assert_eq!(place, home);
        answer.into_text().await.unwrap();
    }

    let mut open = Vec::new();
    for _ in 0..40 {
        open.push(at().await.1);
    }

    let inflight: Vec<_> = nodes.status().iter().map(|node| node.inflight).collect();
    assert!(inflight.iter().all(|inflight| (5..=20).contains(inflight)), "{inflight:?}");
}

#[tokio::test(start_paused = true)]
async fn node_that_fails_often_is_left_alone_and_probed_later() {
    let steps = std::iter::repeat_n(Step::Fail(Code::NodeFailed), 20).chain([Step::Answer("well".into())]);
    let broken = Scripted::new(steps);
    let nodes = fleet([("broken", &broken)]);
    for _ in 0..20 {
        ask(&nodes).await.unwrap_err();
    }
    assert_eq!((nodes.status()[0].breaker, nodes.status()[0].available), (State::Open, false));
    assert_eq!(nodes.status()[0].failures, 20);

    let alive = answering();
    nodes.insert(Node::new("alive", alive.clone()).with_model("m"));
    spread(&nodes, 50).await;
    assert_eq!((broken.calls(), alive.calls()), (20, 50));

    // A lone node is asked, open or not: the answer may be better than none.
    nodes.remove("alive");
    for _ in 0..3 {
        ask(&nodes).await.unwrap().into_text().await.unwrap();
    }
    assert_eq!(nodes.status()[0].breaker, State::Closed);
}

#[tokio::test(start_paused = true)]
async fn answer_under_way_does_not_end_the_pause_that_was_asked_for() {
    let asked = Duration::from_secs(20);
    let node =
        Scripted::new([Step::Answer("late".into()), Step::Throttle(asked), Step::Answer("now".into())]);
    let nodes = fleet([("only", &node)]);
    let late = ask(&nodes).await.unwrap();
    ask(&nodes).await.unwrap_err();

    late.into_text().await.unwrap();

    assert_eq!(ask(&nodes).await.unwrap_err().code(), Code::NodeThrottled);
    assert_eq!(node.calls(), 2);
    advance(asked).await;
    assert!(ask(&nodes).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn drained_node_gets_nothing_and_finishes_what_it_has() {
    let nodes = Nodes::default();
    nodes.insert(node("going"));
    let open = ask(&nodes).await.unwrap();
    nodes.insert(node("staying"));

    assert!(nodes.drain("going") && !nodes.drain("unknown"));

    assert_eq!(spread(&nodes, 20).await["staying"], 20);
    assert_eq!(open.into_text().await.unwrap(), "Hi");
    nodes.remove("staying");
    assert_eq!(ask(&nodes).await.unwrap_err().code(), Code::NoNode);
    assert!(nodes.undrain("going") && !nodes.undrain("unknown"));
    assert!(ask(&nodes).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn server_with_other_settings_is_known_and_another_server_is_not() {
    let at = |url: &str| node("n").with_place(Place::of(url).unwrap());
    let nodes = Nodes::default();
    nodes.insert(at("http://10.0.0.7/v1"));
    nodes.insert(node("other"));
    let open = ask(&nodes).await.unwrap();
    spread(&nodes, 20).await;
    nodes.drain("n");
    let known = |nodes: &Nodes| {
        let status = nodes.status().swap_remove(0);
        (status.prompts, status.inflight, status.draining)
    };
    let before = known(&nodes);
    assert!(before.0 > 0 && before.2);

    nodes.insert(at("http://10.0.0.7/v1").with_capacity(3).with_weight(2.0));
    assert_eq!(known(&nodes), before);
    assert_eq!((nodes.status()[0].capacity, nodes.status()[0].weight), (Some(3), 2.0));
    open.into_text().await.unwrap();
    assert_eq!(known(&nodes).1, 0, "what was under way counts for the same server");

    nodes.insert(at("http://10.0.0.8/v1"));
    assert_eq!(known(&nodes), (0, 0, false));
}

#[tokio::test(start_paused = true)]
async fn times_of_a_node_are_those_of_its_prompts_and_only_whole_answers_have_a_duration() {
    let nodes = fleet([("n", &answering())]);
    let ended = ask(&nodes).await.unwrap();
    let left = ask(&nodes).await.unwrap();
    advance(Duration::from_millis(400)).await;
    ended.into_text().await.unwrap();
    drop(left);

    let status = nodes.status().remove(0);

    assert_eq!((status.first_byte.count, status.duration.count), (1, 1));
    for ms in [status.first_byte.p50_ms, status.duration.p99_ms] {
        assert!((350.0..=450.0).contains(&ms), "{ms}");
    }
    assert_eq!(status.source, Origin::STATIC);
}
