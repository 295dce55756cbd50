//! No more is spent than there is, and nothing is lost but what must be.

use std::time::Duration;

use maily_mesh::KeyConfig;
use maily_mesh::account::Per;

use crate::fleet::{Fleet, seeds};

const SECOND: Duration = Duration::from_secs(1);
const BUDGET: u64 = 120_000;
/// A sixteenth, which an instance draws at once.
const LEASE: u64 = BUDGET / 16;

fn config() -> KeyConfig {
    KeyConfig::new("a").with_budget(BUDGET, Per::Total)
}

fn check(fleet: &Fleet, what: &str, least: u64) {
    let truth = fleet.truth.lock();
    println!(
        "{what}: {} of {BUDGET} spent, {} answered, refused {:?}",
        truth.micros, truth.answered, truth.refused
    );
    assert!(truth.micros <= BUDGET + truth.excess, "{what}: {truth:?}");
    assert!(truth.micros <= BUDGET + LEASE, "{what}: {truth:?}");
    assert!(truth.micros >= least, "{what}: {truth:?}");
}

#[tokio::test(start_paused = true)]
async fn three_instances_spend_one_budget_and_no_more() {
    for (seed, loss) in seeds().flat_map(|seed| [(seed, 0.0), (seed, 0.3)]) {
        let mut fleet = Fleet::new(3, loss, seed, config(), &[]);
        (0..3).for_each(|at| fleet.callers(at, 8, 20));

        fleet.run(SECOND * 60).await;
        fleet.stop();

        // At the end each may hold a little that is less than a prompt needs.
        check(&fleet, &format!("together, seed {seed}, loss {loss}"), BUDGET * 95 / 100);
    }
}

#[tokio::test(start_paused = true)]
async fn one_instance_can_spend_nearly_all_of_it() {
    for seed in seeds() {
        let mut fleet = Fleet::new(3, 0.1, seed, config(), &[]);
        fleet.callers(2, 8, 20);

        fleet.run(SECOND * 120).await;
        fleet.stop();

        check(&fleet, &format!("one of three, seed {seed}"), BUDGET * 95 / 100);
    }
}

#[tokio::test(start_paused = true)]
async fn halves_that_are_parted_spend_what_is_theirs_and_the_rest_when_they_meet() {
    for seed in seeds() {
        let mut fleet = Fleet::new(3, 0.1, seed, config(), &[]);
        fleet.run(SECOND * 2).await;
        fleet.part(&[0, 1, 1]);
        // Only one half has callers: it gets its two shares and nothing of the third.
        fleet.callers(1, 8, 20);
        fleet.run(SECOND * 60).await;
        let parted = fleet.spent();
        assert!(parted <= BUDGET * 2 / 3, "{parted} of two shares");
        assert!(parted >= BUDGET * 2 / 3 * 95 / 100, "{parted} of two shares");

        fleet.part(&[0, 0, 0]);
        fleet.run(SECOND * 60).await;
        fleet.stop();

        check(&fleet, &format!("parted and met, seed {seed}"), BUDGET * 95 / 100);
    }
}

#[tokio::test(start_paused = true)]
async fn budget_holds_while_everybody_asks_and_the_network_parts_and_heals() {
    for seed in seeds() {
        let mut fleet = Fleet::new(3, 0.2, seed, config(), &[]);
        (0..3).for_each(|at| fleet.callers(at, 4, 60));
        for groups in [[0, 1, 1], [0, 0, 0], [0, 0, 1], [0, 1, 2], [0, 0, 0]] {
            fleet.run(SECOND * 6).await;
            fleet.part(&groups);
        }
        fleet.run(SECOND * 40).await;
        fleet.stop();

        check(&fleet, &format!("parting again and again, seed {seed}"), BUDGET * 95 / 100);
    }
}

#[tokio::test(start_paused = true)]
async fn restarted_instance_spends_nothing_twice() {
    for seed in seeds() {
        let mut fleet = Fleet::new(3, 0.1, seed, config(), &[]);
        (0..3).for_each(|at| fleet.callers(at, 4, 40));
        for at in [1, 0, 1, 2] {
            fleet.run(SECOND * 3).await;
            fleet.kill(at);
            fleet.run(SECOND).await;
            fleet.restart(at);
            fleet.callers(at, 4, 40);
        }
        fleet.run(SECOND * 60).await;
        fleet.stop();

        // Each death loses at most a lease, and what others had given.
        check(&fleet, &format!("four restarts, seed {seed}"), BUDGET - 5 * LEASE);
    }
}

#[tokio::test(start_paused = true)]
async fn dead_instance_takes_its_share_along_and_no_more() {
    for seed in seeds() {
        let mut fleet = Fleet::new(3, 0.1, seed, config(), &[]);
        fleet.run(SECOND * 2).await;
        fleet.kill(0);
        fleet.callers(1, 8, 20);
        fleet.run(SECOND * 60).await;
        fleet.stop();

        check(&fleet, &format!("one is dead, seed {seed}"), BUDGET * 2 / 3 * 95 / 100);
        assert!(fleet.spent() <= BUDGET * 2 / 3);
    }
}

#[tokio::test(start_paused = true)]
async fn answers_that_are_longer_than_expected_cost_a_lease_at_most() {
    for seed in seeds() {
        let mut fleet = Fleet::new(3, 0.1, seed, config(), &[]);
        // Up to one and a half times what is reserved for them.
        fleet.most = 1_500;
        (0..3).for_each(|at| fleet.callers(at, 8, 20));

        fleet.run(SECOND * 60).await;
        fleet.stop();

        let truth = fleet.truth.lock();
        println!("longer answers, seed {seed}: {} of {BUDGET} spent", truth.micros);
        assert!(truth.micros <= BUDGET + LEASE, "{truth:?}");
    }
}
