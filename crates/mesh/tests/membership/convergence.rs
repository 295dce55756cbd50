//! Instances find each other, and find each other again.

use std::time::Duration;

use crate::network::{LARGE, Network, report, seeds};

const MOST: Duration = Duration::from_secs(5);

#[test]
fn everybody_knows_everybody_within_five_seconds() {
    for count in [3, 10, 50] {
        for loss in [0.0, 0.1, 0.3] {
            let times = seeds(count).map(|seed| {
                let mut network = Network::new(count, loss, seed);
                network.until(MOST * 2, Network::agrees).expect("they find each other")
            });
            let longest = report(&format!("join, {count} instances, loss {loss}"), times.collect());
            assert!(longest <= MOST, "{count} instances at loss {loss} took {longest:?}");
        }
    }
}

#[test]
fn halves_that_were_parted_agree_again_within_five_seconds() {
    for (count, loss) in [(3, 0.0), (3, 0.3), (10, 0.0), (10, 0.3), (LARGE, 0.0), (LARGE, 0.3)] {
        let mut parted = Vec::new();
        let times = seeds(count).map(|seed| {
            let mut network = Network::new(count, loss, seed);
            network.until(MOST * 2, Network::agrees).expect("they find each other");
            let before = network.deaths();
            (0..count).for_each(|at| network.group[at] = u8::from(at >= count / 2));
            let halves = |network: &Network| network.deaths() - before >= 2 * (count / 2) * count.div_ceil(2);
            parted.push(network.until(Duration::from_secs(60), halves).expect("they part"));
            network.run(Duration::from_secs(5));

            network.group.fill(0);
            network.until(MOST * 4, Network::agrees).expect("they agree again")
        });
        let longest = report(&format!("heal, {count} instances, loss {loss}"), times.collect());
        report(&format!("part, {count} instances, loss {loss}"), parted);
        assert!(longest <= MOST, "{count} instances at loss {loss} took {longest:?}");
    }
}

#[test]
fn one_that_is_cut_off_alone_comes_back() {
    let times = seeds(3).map(|seed| {
        let mut network = Network::new(3, 0.0, seed);
        network.until(MOST, Network::agrees).expect("they find each other");
        network.group[0] = 1;
        network.run(Duration::from_secs(20));
        assert_eq!(
            network.instances[0].as_ref().unwrap().peers().filter(|it| it.status.is_live()).count(),
            0
        );

        network.group.fill(0);
        network.until(MOST * 2, Network::agrees).expect("they agree again")
    });
    assert!(report("the seed alone, heal", times.collect()) <= MOST);
}

#[test]
fn same_seed_gives_the_same_history() {
    let history = |seed| {
        let mut network = Network::new(5, 0.2, seed);
        network.run(Duration::from_secs(5));
        network.events
    };

    assert_eq!(history(1), history(1));
    assert_ne!(history(1), history(2));
}
