//! What instances share reaches all, the newest last and never an older one again.

use std::collections::HashMap;
use std::time::Duration;

use bytes::Bytes;
use maily_errors::Code;
use maily_mesh::membership::{MAX_INSTANCES, MAX_KEYS, MAX_VALUE_BYTES, Membership};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::network::{LARGE, Network, name, report, settings};

const STEP: Duration = Duration::from_millis(100);

#[test]
fn state_converges_to_the_newest_and_never_goes_back() {
    for (count, loss) in [(3, 0.3), (10, 0.0), (10, 0.3)] {
        let mut network = Network::new(count, loss, 11);
        let mut random = StdRng::seed_from_u64(11);
        let mut seen: HashMap<(usize, String, String), u64> = HashMap::new();
        for step in 0..100 {
            let owner = random.random_range(0..count);
            let key = format!("load/{}", random.random_range(0..20));
            if random.random_bool(0.2) {
                network.at(owner).withdraw(&key);
            } else {
                network.at(owner).publish(&key, format!("{step}").into()).unwrap();
            }
            network.run(STEP);
            for at in 0..count {
                for key in network.at(at).keys() {
                    for shared in network.at(at).view(&key).collect::<Vec<_>>() {
                        let before = seen.entry((at, shared.name.to_string(), key.clone())).or_default();
                        assert!(shared.version >= *before, "a value went back");
                        *before = shared.version;
                    }
                }
            }
        }

        let took = network.until(Duration::from_secs(10), same_everywhere).expect("they agree");

        println!("{count} instances, loss {loss}: all the same {took:?} after the last change");
    }
}

fn same_everywhere(network: &Network) -> bool {
    let all: Vec<&Membership> = network.instances.iter().flatten().collect();
    let said = |it: &Membership| -> Vec<_> {
        let keys = it.keys().into_iter();
        let mut said: Vec<_> = keys
            .flat_map(|key| {
                it.view(&key)
                    .map(|s| (s.name.to_string(), key.clone(), s.version, s.value))
                    .collect::<Vec<_>>()
            })
            .collect();
        said.sort();
        said
    };
    let first = said(all[0]);
    network.agrees() && all.iter().all(|it| said(it) == first)
}

#[test]
fn change_is_known_by_all_soon() {
    for (count, loss) in [(3, 0.0), (3, 0.3), (10, 0.0), (10, 0.3), (LARGE, 0.3)] {
        let mut network = Network::new(count, loss, 12);
        network.until(Duration::from_secs(10), Network::agrees).expect("they find each other");
        let times = (0..10).map(|round| {
            let value = Bytes::from(format!("{round}"));
            network.at(round % count).publish("breaker/gpu-1", value.clone()).unwrap();
            let known = |network: &Network| {
                let owner = name(round % count);
                network.instances.iter().flatten().all(|it| {
                    it.view("breaker/gpu-1")
                        .any(|shared| shared.name.as_str() == owner && shared.value == value)
                })
            };
            network.until(Duration::from_secs(10), known).expect("all know")
        });
        let longest = report(&format!("a change, {count} instances, loss {loss}"), times.collect());
        assert!(longest <= Duration::from_secs(5));
    }
}

#[test]
fn most_that_may_be_shared_reaches_one_that_comes_late() {
    let mut network = Network::new(3, 0.1, 13);
    network.instances[2] = None;
    let large = Bytes::from(vec![7; MAX_VALUE_BYTES]);
    for at in 0..2 {
        for key in 0..MAX_KEYS {
            network.at(at).publish(&format!("lease/{key}"), large.clone()).unwrap();
        }
        let err = network.at(at).publish("lease/more", large.clone()).unwrap_err();
        assert_eq!(err.code(), Code::GossipLimit);
        // Removed keys make room, even those whose removal is forgotten then.
        for key in 0..MAX_KEYS / 2 {
            assert!(network.at(at).withdraw(&format!("lease/{key}")));
            network.at(at).publish(&format!("budget/{key}"), large.clone()).unwrap();
        }
    }
    network.run(Duration::from_secs(3));
    network.start(2, 1_000);

    let took = network.until(Duration::from_secs(60), |network| network.agrees() && same_everywhere(network));

    println!("64 KiB of two instances reached a third after {took:?}");
    assert!(took.is_some_and(|took| took < Duration::from_secs(20)));
    assert_eq!(network.at(2).keys().len(), MAX_KEYS);
    assert!(network.largest <= 1_200, "a packet of {} bytes", network.largest);
}

#[test]
fn mesh_takes_in_256_instances_and_no_more() {
    let mut first = Membership::new(settings(0, 1), [0; 32], Duration::ZERO).unwrap();
    for at in 1..=MAX_INSTANCES {
        let mut other = Membership::new(settings(at, 1), [1; 32], Duration::ZERO).unwrap();
        other.tick(Duration::ZERO);
        other.tick(Duration::from_secs(1));
        while let Some(output) = other.poll_output() {
            if let maily_mesh::membership::Output::Send(_, mut packet) = output {
                first.handle(&mut packet, Duration::ZERO);
            }
        }
    }

    assert_eq!(first.peers().count(), MAX_INSTANCES - 1);
    assert!(first.stats().refused > 0);
}
