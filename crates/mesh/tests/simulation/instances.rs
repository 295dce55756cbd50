use std::sync::Arc;

use maily_mesh::membership::share_load;
use maily_mesh::memory::LocalGossip;
use tokio::task::JoinSet;

use super::fleet::{Fleet, Outcome, Policy, strangers};

/// Tokens that a machine reads in a second.
const SPEED: f64 = 8000.0;
const PER_SECOND: f64 = 16.0;

/// Runs three instances over the same machines, which tell each other their load or do not.
async fn three(speeds: &[f64], share: bool) -> Outcome {
    let first = Fleet::new(speeds, Policy::Maily);
    let all = [first.beside(), first.beside(), first.beside()];
    let east = LocalGossip::new("east");
    let (west, north) = (east.join("west"), east.join("north"));
    let mut tasks = JoinSet::new();
    for (instance, gossip) in all.iter().zip([east, west, north]).filter(|_| share) {
        tasks.spawn(share_load(instance.nodes.clone(), Arc::new(gossip)));
    }
    Fleet::run_all(&all, strangers(2500), PER_SECOND).await
}

#[tokio::test(start_paused = true)]
async fn what_instances_tell_each_other_is_old_and_does_not_lengthen_the_tail() {
    for (name, speeds, bound) in [
        ("equal", [SPEED; 4], 1.3),
        ("one ten times slower", [SPEED, SPEED, SPEED, SPEED / 10.0], 1.3),
        ("uneven", [2.0 * SPEED, SPEED, SPEED / 2.0, SPEED / 4.0], 1.3),
    ] {
        let one = Fleet::new(&speeds, Policy::Maily).run(strangers(2500), PER_SECOND).await;
        let (apart, together) = (three(&speeds, false).await, three(&speeds, true).await);

        println!("{name}, {PER_SECOND} prompts a second");
        one.row("one instance");
        apart.row("three, each alone");
        together.row("three that tell");
        assert_eq!(together.failed, 0);
        assert!(
            together.ms(0.99) <= bound * apart.ms(0.99),
            "{} and {} ms",
            together.ms(0.99),
            apart.ms(0.99)
        );
    }
}
