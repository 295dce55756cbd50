use std::time::Duration;

use futures_util::{StreamExt, TryStreamExt};
use maily_errors::{Code, Error, Result};
use tokio::time::{Instant, advance};
use tower::{Layer, ServiceExt};

use super::{Breaker, BreakerLayer, Rules, State};
use crate::memory::{Scripted, Step};
use crate::model::Prompt;

const RULES: Rules = Rules {
    failure_share: 0.5,
    window: Duration::from_secs(10),
    min_calls: 10,
    open: Duration::from_secs(5),
    max_open: Duration::from_secs(15),
    jitter: 0.0,
    probes: 2,
};

fn breaker(steps: impl IntoIterator<Item = Step>) -> (Breaker<Scripted>, Scripted) {
    let node = Scripted::new(steps);
    (BreakerLayer::new(RULES).layer(node.clone()), node)
}

async fn ask(node: &Breaker<Scripted>) -> Result<(), Error> {
    let answer = node.clone().oneshot(Prompt::text("m", "Hi").unwrap()).await?;
    answer.body.try_collect::<Vec<_>>().await.map(drop)
}

fn state(node: &Breaker<Scripted>) -> State {
    node.circuit().state(Instant::now())
}

fn times(step: &Step, count: usize) -> impl Iterator<Item = Step> {
    std::iter::repeat_n(step.clone(), count)
}

fn good() -> Step {
    Step::Answer("Hi".into())
}

const BAD: Step = Step::Fail(Code::NodeFailed);

#[tokio::test(start_paused = true)]
async fn share_of_failures_opens_it_after_the_fewest_calls() {
    let (node, scripted) = breaker(times(&BAD, 1));
    for _ in 0..9 {
        ask(&node).await.unwrap_err();
        assert_eq!(state(&node), State::Closed);
    }

    ask(&node).await.unwrap_err();

    assert_eq!(state(&node), State::Open);
    let refused = ask(&node).await.unwrap_err();
    assert_eq!((refused.code(), refused.retry_after()), (Code::BreakerOpen, Some(RULES.open)));
    assert_eq!(scripted.calls(), 10);
}

#[tokio::test(start_paused = true)]
async fn fewer_failures_than_the_share_do_not_open_it() {
    let third = [good(), good(), BAD].into_iter().cycle().take(300);
    let (node, scripted) = breaker(third);

    for _ in 0..300 {
        let _ = ask(&node).await;
    }

    assert_eq!((state(&node), scripted.calls()), (State::Closed, 300));
}

#[tokio::test(start_paused = true)]
async fn failures_that_are_longer_ago_than_the_window_do_not_count() {
    let (node, scripted) = breaker(times(&BAD, 1));

    for _ in 0..50 {
        ask(&node).await.unwrap_err();
        advance(Duration::from_millis(1200)).await;
    }

    assert_eq!((state(&node), scripted.calls()), (State::Closed, 50));
}

#[tokio::test(start_paused = true)]
async fn errors_of_the_client_and_pleas_to_slow_down_do_not_open_it() {
    for step in [
        Step::Fail(Code::NodeRejected),
        Step::Fail(Code::ModelNotFound),
        Step::Fail(Code::PromptTooLarge),
        Step::Throttle(Duration::from_secs(1)),
    ] {
        let (node, scripted) = breaker([step]);

        for _ in 0..2048 {
            ask(&node).await.unwrap_err();
        }

        assert_eq!((state(&node), scripted.calls()), (State::Closed, 2048));
    }
}

#[tokio::test(start_paused = true)]
async fn caller_that_leaves_does_not_open_it() {
    let (node, _) = breaker([Step::Stall("half".into())]);

    for _ in 0..100 {
        let answer = node.clone().oneshot(Prompt::text("m", "Hi").unwrap()).await.unwrap();
        let mut body = answer.body;
        body.next().await.unwrap().unwrap();
    }

    assert_eq!(state(&node), State::Closed);
}

#[tokio::test(start_paused = true)]
async fn stream_that_breaks_off_is_a_failure() {
    let (node, _) = breaker([Step::Cut("half".into())]);

    for _ in 0..10 {
        ask(&node).await.unwrap_err();
    }

    assert_eq!(state(&node), State::Open);
}

#[tokio::test(start_paused = true)]
async fn probes_that_succeed_close_it() {
    let (node, scripted) = breaker(times(&BAD, 10).chain([good()]));
    for _ in 0..10 {
        ask(&node).await.unwrap_err();
    }

    advance(RULES.open).await;
    assert_eq!(state(&node), State::HalfOpen);
    ask(&node).await.unwrap();
    assert_eq!(state(&node), State::HalfOpen);
    ask(&node).await.unwrap();

    assert_eq!((state(&node), scripted.calls()), (State::Closed, 12));
}

#[tokio::test(start_paused = true)]
async fn only_the_probes_pass_while_it_is_half_open() {
    let (node, scripted) = breaker(times(&BAD, 10).chain([Step::Hang]));
    for _ in 0..10 {
        ask(&node).await.unwrap_err();
    }
    advance(RULES.open).await;

    let mut hanging: Vec<_> =
        (0..2).map(|_| tokio::spawn(node.clone().oneshot(Prompt::text("m", "Hi").unwrap()))).collect();
    while scripted.calls() < 12 {
        tokio::task::yield_now().await;
    }
    assert!(!node.circuit().is_passable());
    assert_eq!(ask(&node).await.unwrap_err().code(), Code::BreakerOpen);

    // A probe whose caller leaves makes room for another one.
    hanging.pop().unwrap().abort();
    while !node.circuit().is_passable() {
        tokio::task::yield_now().await;
    }
    hanging.pop().unwrap().abort();
}

#[tokio::test(start_paused = true)]
async fn probe_that_fails_opens_it_for_twice_as_long() {
    let (node, _) = breaker(times(&BAD, 1));
    for _ in 0..10 {
        ask(&node).await.unwrap_err();
    }

    let mut waits = Vec::new();
    for _ in 0..3 {
        waits.push(node.circuit().wait(Instant::now()).as_secs());
        advance(*waits.last().map(|wait| Duration::from_secs(*wait)).as_ref().unwrap()).await;
        assert_eq!(state(&node), State::HalfOpen);
        ask(&node).await.unwrap_err();
        assert_eq!(state(&node), State::Open);
    }

    assert_eq!(waits, [5, 10, RULES.max_open.as_secs()]);
}

#[test]
fn jitter_spreads_the_time_it_is_open() {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    let wait = || {
        let layer = BreakerLayer::new(Rules { jitter: 0.2, ..RULES });
        runtime.block_on(async {
            let node = layer.layer(Scripted::new([BAD]));
            while state(&node) == State::Closed {
                ask(&node).await.unwrap_err();
            }
            node.circuit().wait(Instant::now()).as_secs_f64()
        })
    };

    let waits: Vec<_> = (0..20).map(|_| wait()).collect();

    assert!(waits.iter().all(|wait| (4.0..=6.0).contains(wait)), "{waits:?}");
    assert!(waits.iter().any(|wait| (wait - waits[0]).abs() > 0.05), "{waits:?}");
}
