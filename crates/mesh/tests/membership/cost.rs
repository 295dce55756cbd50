//! What membership costs: bytes and processor time per second and instance.

use std::time::{Duration, Instant};

use crate::network::{LARGE, Network};

/// Five values that change ten times a second at each instance: loads of nodes.
#[test]
fn cost_grows_with_the_mesh_and_stays_small() {
    for (count, most_bytes) in [(3, 10_000), (10, 20_000), (LARGE, 80_000)] {
        let mut network = Network::new(count, 0.0, 31);
        network.until(Duration::from_secs(10), Network::agrees).expect("they find each other");
        let seconds: u64 = if count < LARGE { 10 } else { 3 };
        let sent = |network: &Network| {
            let stats = network.instances.iter().flatten().map(|it| it.stats());
            stats.fold((0, 0), |sum, stats| (sum.0 + stats.sent, sum.1 + stats.sent_bytes))
        };
        for load in [false, true] {
            let (packets, bytes) = sent(&network);
            let start = Instant::now();
            for step in 0..seconds * 10 {
                for at in (0..count).filter(|_| load) {
                    for node in 0..5 {
                        network
                            .at(at)
                            .publish(&format!("load/gpu-{node}"), format!("{step}:12345").into())
                            .unwrap();
                    }
                }
                network.run(Duration::from_millis(100));
            }
            let took = start.elapsed();
            let after = sent(&network);
            let each = count as u64 * seconds;
            let (packets, bytes) = ((after.0 - packets) / each, (after.1 - bytes) / each);
            let what = if load { "50 changes/s" } else { "idle" };
            println!(
                "{count} instances, {what}: {packets} packets/s, {bytes} bytes/s, {:?}/s each, simulation included",
                took / u32::try_from(each).unwrap(),
            );
            assert!(bytes <= most_bytes, "{bytes} bytes/s");
        }
    }
}
