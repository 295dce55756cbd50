//! Packets that nobody of the mesh sent.

use std::time::Duration;

use maily_mesh::membership::{GossipKey, Membership, Output, Settings};
use proptest::prelude::*;

use crate::network::{Network, address, settings};

const NOW: Duration = Duration::from_secs(1);

fn first() -> Membership {
    Membership::new(settings(0, 1), [0; 32], Duration::ZERO).unwrap()
}

/// Returns a packet of an instance that calls the first one.
fn packet_of(settings: Settings) -> Vec<u8> {
    let mut other = Membership::new(settings, [1; 32], Duration::ZERO).unwrap();
    other.tick(Duration::ZERO);
    other.tick(NOW);
    match other.poll_output() {
        Some(Output::Send(_, packet)) => packet,
        output => panic!("a packet to the seed, not {output:?}"),
    }
}

/// Returns what an instance is but for its counters.
fn state(of: &mut Membership) -> (Vec<maily_mesh::membership::Peer>, Vec<String>, bool) {
    (of.peers().collect(), of.keys(), of.poll_output().is_some())
}

#[test]
fn stranger_is_answered_by_nothing() {
    let mut first = first();
    let wrong =
        Settings::new("mesh-001", address(1), 1, GossipKey::new(&[8; 32].into())).with_seed(address(0));

    first.handle(&mut packet_of(wrong), NOW);

    assert_eq!(state(&mut first), (vec![], vec![], false));
    assert_eq!(first.stats().rejected, 1);
}

#[test]
fn replayed_packet_changes_nothing_and_is_not_answered() {
    let mut first = first();
    let mut packet = packet_of(settings(1, 1));
    first.handle(&mut packet.clone(), NOW);
    while first.poll_output().is_some() {}
    let before = state(&mut first);

    first.handle(&mut packet, NOW * 5);

    assert_eq!(state(&mut first), before);
    assert_eq!(first.stats().replayed, 1);
}

#[test]
fn answer_goes_where_the_sealed_contents_say() {
    let mut first = first();
    first.handle(&mut packet_of(settings(1, 1)), NOW);

    let mut to = std::iter::from_fn(|| first.poll_output()).filter_map(|output| match output {
        Output::Send(to, _) => Some(to),
        Output::Event(_) => None,
    });
    assert_eq!(to.next(), Some(address(1)));
    assert_eq!(to.next(), None);
}

#[test]
fn recorded_packets_change_nothing_in_a_running_mesh() {
    let mut network = Network::new(3, 0.0, 21);
    network.run(NOW * 3);
    let mut recorded = Vec::new();
    let now = network.now;
    for at in 0..3 {
        network.at(at).tick(now + NOW);
        while let Some(output) = network.at(at).poll_output() {
            if let Output::Send(to, packet) = output {
                recorded.push((to, packet));
            }
        }
    }
    for (to, packet) in &recorded {
        let to = (0..3).find(|at| address(*at) == *to).unwrap();
        let before = network.at(to).stats().replayed;
        for _ in 0..100 {
            network.at(to).handle(&mut packet.clone(), now + NOW);
        }
        let answers = std::iter::from_fn(|| network.at(to).poll_output()).count();
        assert!(answers <= 4, "{answers} answers to one question that came a hundred times");
        assert_eq!(network.at(to).stats().replayed - before, 99);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_change_nothing(mut bytes in proptest::collection::vec(any::<u8>(), 0..1_400)) {
        let mut first = first();

        first.handle(&mut bytes, NOW);

        prop_assert_eq!(state(&mut first), (vec![], vec![], false));
        prop_assert_eq!(first.stats().rejected, 1);
    }

    #[test]
    fn changed_packet_changes_nothing(at in any::<prop::sample::Index>(), bit in 0..8_u8) {
        let mut first = first();
        let mut packet = packet_of(settings(1, 1));
        let at = at.index(packet.len());
        packet[at] ^= 1_u8 << bit;

        first.handle(&mut packet, NOW);

        prop_assert_eq!(state(&mut first), (vec![], vec![], false));
        prop_assert_eq!(first.stats().rejected, 1);
    }
}
