use std::sync::Arc;

use maily_mesh::membership::share_load;
use maily_mesh::memory::LocalGossip;
use tokio::task::JoinSet;

use super::arrivals::Arrivals;
use super::fleet::{Fleet, Policy, strangers};

/// Tokens that a machine reads in a second.
const SPEED: f64 = 8000.0;
const EQUAL: [f64; 4] = [SPEED; 4];
const SLOW: [f64; 4] = [SPEED, SPEED, SPEED, SPEED / 10.0];
const UNEVEN: [f64; 4] = [2.0 * SPEED, SPEED, SPEED / 2.0, SPEED / 4.0];

/// Runs instances over the same machines, which tell each other their load or do not; adds the seconds to the first token.
async fn run(speeds: &[f64], count: usize, share: bool, arrivals: Arrivals, seconds: &mut Vec<f64>) {
    let machines = Fleet::new(speeds, Policy::Maily);
    let all: Vec<_> = (0..count).map(|number| machines.beside(arrivals.seed * 100 + number as u64)).collect();
    let first = LocalGossip::new("instance-0");
    let others: Vec<_> = (1..count).map(|number| first.join(format!("instance-{number}"))).collect();
    let mut tasks = JoinSet::new();
    for (instance, gossip) in all.iter().zip([first].into_iter().chain(others)).filter(|_| share) {
        tasks.spawn(share_load(instance.nodes.clone(), Arc::new(gossip)));
    }
    let outcome = Fleet::run_all(&all, strangers(2500), arrivals).await;
    assert_eq!(outcome.failed, 0);
    seconds.extend(outcome.seconds);
}

/// The time to the first token below which 99 of a hundred prompts lie, in milliseconds.
fn p99(mut seconds: Vec<f64>) -> f64 {
    seconds.sort_by(f64::total_cmp);
    seconds[((seconds.len() - 1) as f64 * 0.99).round() as usize] * 1000.0
}

/// `MAILY_SOAK=1` runs all of the table in ADR-0049.
#[tokio::test(start_paused = true)]
async fn what_instances_tell_each_other_does_not_lengthen_the_tail() {
    let soak = std::env::var_os("MAILY_SOAK").is_some();
    let seeds = if soak { 20 } else { 3 };
    for (name, speeds, bursts, rates) in [
        ("equal", EQUAL, false, [8.0, 16.0, 24.0]),
        ("one ten times slower", SLOW, false, [8.0, 16.0, 24.0]),
        ("one ten times slower, bursts", SLOW, true, [2.0, 4.0, 8.0]),
        ("uneven", UNEVEN, false, [8.0, 16.0, 24.0]),
    ] {
        for count in [2, 4] {
            for per_second in rates {
                // Where it matters most.
                if !soak && (count, per_second, bursts) != (4, 16.0, false) {
                    continue;
                }
                let (mut apart, mut together) = (Vec::new(), Vec::new());
                for seed in 0..seeds {
                    let arrivals = Arrivals { per_second, bursts, seed };
                    run(&speeds, count, false, arrivals, &mut apart).await;
                    run(&speeds, count, true, arrivals, &mut together).await;
                }
                let (apart, together) = (p99(apart), p99(together));
                let more = (together / apart - 1.0) * 100.0;
                println!(
                    "{name}, {count} instances, {per_second} a second: alone {apart:.0} ms, told {together:.0} ms, {more:+.1} %"
                );
                assert!(together <= 1.1 * apart, "{together} and {apart} ms");
            }
        }
    }
}
