//! Death, leaving, slowness and starting again.

use std::time::Duration;

use maily_mesh::membership::{Event, PeerStatus};

use crate::network::{LARGE, Network, name, report, seeds};

const SECOND: Duration = Duration::from_secs(1);

fn settled(count: usize, loss: f64, seed: u8) -> Network {
    let mut network = Network::new(count, loss, seed);
    network.until(SECOND * 10, Network::agrees).expect("they find each other");
    network
}

#[test]
fn dead_instance_is_known_dead_by_all() {
    for (count, loss, most) in
        [(3, 0.0, 5), (3, 0.3, 8), (10, 0.0, 6), (10, 0.3, 10), (LARGE, 0.0, 10), (LARGE, 0.3, 15)]
    {
        let times = seeds(count).map(|seed| {
            let mut network = settled(count, loss, seed);
            network.instances[1] = None;
            let dead = |network: &Network| {
                (0..count).filter(|at| *at != 1).all(|at| network.knows(at, 1, PeerStatus::Dead))
            };
            let took = network.until(SECOND * 60, dead).expect("all know");
            assert_eq!(network.deaths(), count - 1, "nobody else died");
            took
        });
        let longest = report(&format!("death, {count} instances, loss {loss}"), times.collect());
        assert!(longest <= SECOND * most, "{count} instances at loss {loss} took {longest:?}");
    }
}

#[test]
fn nobody_is_declared_dead_by_loss() {
    for (count, seconds) in [(3, 300), (10, 120), (LARGE, 20)] {
        let mut network = settled(count, 0.3, 3);
        network.run(SECOND * seconds);

        let suspected =
            network.events.iter().filter(|(.., event)| matches!(event, Event::Suspected(_))).count();
        println!(
            "{count} instances, {seconds} s at loss 0.3: {suspected} suspicions, {} deaths",
            network.deaths()
        );
        assert_eq!(network.deaths(), 0);
    }
}

#[test]
fn slow_instance_objects_and_lives() {
    for count in [3, 10] {
        let mut network = settled(count, 0.1, 4);
        network.slow[1] = Duration::from_millis(700);
        network.run(SECOND * 60);

        assert_eq!(network.deaths(), 0);
        assert!(network.at(1).stats().refuted > 0, "it was suspected, else this shows nothing");
        network.slow[1] = Duration::ZERO;
        assert!(network.until(SECOND * 5, Network::agrees).is_some());
    }
}

#[test]
fn instance_that_sleeps_takes_nobody_for_dead() {
    let mut network = settled(5, 0.0, 5);
    network.asleep[1] = network.now + SECOND * 30;
    network.run(SECOND * 30);
    let before = network.events.len();

    let took = network.until(SECOND * 5, Network::agrees).expect("it comes back");

    println!("agreed {took:?} after 30 s of sleep");
    let buried = |(_, at, event): &(Duration, usize, Event)| *at == 1 && matches!(event, Event::Died(_));
    assert!(!network.events[before..].iter().any(buried));
}

#[test]
fn one_that_leaves_is_known_to_have_left_and_is_no_death() {
    for loss in [0.0, 0.3] {
        let mut network = settled(10, loss, 6);
        network.at(4).leave();
        network.collect(4);
        network.instances[4] = None;

        let left = |network: &Network| (0..10).all(|at| at == 4 || network.knows(at, 4, PeerStatus::Left));
        let took = network.until(SECOND * 10, left).expect("all know");

        println!("leaving known by all after {took:?} at loss {loss}");
        assert_eq!(network.deaths(), 0);
    }
}

#[test]
fn restarted_instance_is_a_new_life() {
    // Later, a millisecond later, and with a clock that went back.
    for generation in [2_000, 1_001, 5] {
        let mut network = settled(5, 0.1, 7);
        network.at(2).publish("load/a", "old".into()).unwrap();
        network.run(SECOND * 3);
        network.start(2, generation);
        network.at(2).publish("load/b", "new".into()).unwrap();

        let known = |network: &Network| {
            network.agrees()
                && network.instances.iter().flatten().all(|it| {
                    it.view("load/a").count() == 0 && it.view("load/b").any(|shared| shared.value == "new")
                })
        };
        let took = network.until(SECOND * 10, known);

        println!("generation {generation} after 1000: known by all after {took:?}");
        assert!(took.is_some(), "generation {generation}");
        let two =
            |peer: &maily_mesh::membership::Peer| peer.name.as_str() == name(2) && peer.generation > 1_000;
        assert!(network.at(0).peers().any(|peer| two(&peer)));
    }
}
