use std::time::Duration;

use maily_mesh::balance::{Balance, Node, Nodes, Rules};
use maily_mesh::memory::{Scripted, Step};
use tokio::time::sleep;
use tower::ServiceExt;

use super::fleet::{Fleet, Policy, conversations, strangers};

/// Tokens that a machine reads in a second.
const SPEED: f64 = 8000.0;
const OTHERS: [Policy; 3] = [Policy::LeastInflight, Policy::Random, Policy::RoundRobin];

#[tokio::test(start_paused = true)]
async fn one_slow_node_of_four_hardly_shows_in_the_tail() {
    for per_second in [4.0, 8.0, 16.0] {
        let healthy = Fleet::new(&[SPEED; 4], Policy::Maily).run(strangers(2500), per_second).await;
        let slow = [SPEED, SPEED, SPEED, SPEED / 10.0];
        let uneven = Fleet::new(&slow, Policy::Maily).run(strangers(2500), per_second).await;

        println!("{per_second} prompts a second");
        healthy.row("healthy");
        uneven.row("one ten times slower");
        assert!(uneven.ms(0.99) <= 1.5 * healthy.ms(0.99), "{} ms", uneven.ms(0.99));
    }
}

#[tokio::test(start_paused = true)]
async fn uneven_nodes_are_used_better_than_by_simple_rules() {
    let speeds = [2.0 * SPEED, SPEED, SPEED / 2.0, SPEED / 4.0];
    let ours = Fleet::new(&speeds, Policy::Maily).run(strangers(2500), 14.0).await;
    ours.row("Maily");

    for policy in OTHERS {
        let other = Fleet::new(&speeds, policy).run(strangers(2500), 14.0).await;

        other.row(&format!("{policy:?}"));
        assert!(ours.ms(0.99) < other.ms(0.99), "{policy:?}");
        assert!(ours.ms(0.5) < other.ms(0.5), "{policy:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn affinity_finds_more_in_the_cache_and_does_not_hurt_the_tail() {
    let turns = || conversations(2500);
    let without = Fleet::new(&[SPEED; 4], Policy::TwoChoices).run(turns(), 10.0).await;
    let with = Fleet::new(&[SPEED; 4], Policy::Maily).run(turns(), 10.0).await;

    without.row("without affinity");
    with.row("Maily");
    for policy in OTHERS {
        Fleet::new(&[SPEED; 4], policy).run(turns(), 10.0).await.row(&format!("{policy:?}"));
    }
    assert!(with.hits > without.hits + 0.1, "{} and {}", with.hits, without.hits);
    assert!(with.ms(0.99) <= without.ms(0.99), "{} and {}", with.ms(0.99), without.ms(0.99));
    assert!(with.ms(0.5) <= without.ms(0.5), "{} and {}", with.ms(0.5), without.ms(0.5));
}

#[tokio::test(start_paused = true)]
async fn node_that_dies_costs_no_prompt_and_is_used_again_when_it_returns() {
    let fleet = Fleet::new(&[SPEED; 4], Policy::Maily);
    let machine = fleet.machines[0].clone();
    let trouble = tokio::spawn(async move {
        sleep(Duration::from_secs(60)).await;
        machine.set_dead(true);
        sleep(Duration::from_secs(60)).await;
        machine.set_dead(false);
        machine.calls()
    });

    let outcome = fleet.run(strangers(3600), 12.0).await;

    outcome.row("one dies and returns");
    let at_return = trouble.await.unwrap();
    let later = outcome.calls[0] - at_return;
    assert_eq!(outcome.failed, 0);
    // About 2160 prompts come after its return, a quarter of them its own.
    assert!(later > 300, "{later} after its return");
}

#[tokio::test(start_paused = true)]
async fn one_more_node_takes_only_its_share_of_the_prefixes() {
    let fleet = |count: usize| {
        let nodes = Nodes::new(Rules { seed: Some(1), ..Rules::default() });
        for number in 0..count {
            let node = Scripted::new([Step::Answer("Hi".into())]);
            nodes.insert(Node::new(format!("node-{number}"), node).with_model("m"));
        }
        nodes
    };
    // Two meshes that know nothing of each other agree on the place of a prefix.
    let (four, five) = (fleet(4), fleet(5));
    let prompts = strangers(1000);

    let mut moved = 0;
    for prompt in prompts {
        let place = async |nodes: &Nodes| {
            let answer = Balance::new(nodes.clone()).oneshot(prompt.clone()).await.unwrap();
            answer.head.node.unwrap().to_string()
        };
        let (before, after) = (place(&four).await, place(&five).await);
        moved += usize::from(before != after);
        assert!(before == after || after == "node-4", "{before} to {after}");
    }

    println!("{moved} of 1000 prefixes moved to the fifth node");
    assert!((120..=280).contains(&moved), "{moved}");
}
