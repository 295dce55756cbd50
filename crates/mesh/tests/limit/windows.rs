//! Limits hold in each window, whatever the clocks say.

use std::time::Duration;

use maily_mesh::KeyConfig;

use crate::fleet::{Fleet, seeds};

const SECOND: Duration = Duration::from_secs(1);
const LIMIT: u64 = 600;

#[tokio::test(start_paused = true)]
async fn clocks_that_differ_mean_the_same_minute_by_the_same_number() {
    let config = KeyConfig::new("a").with_requests_per_minute(LIMIT);
    // Half a minute, and an hour and a half.
    for (seed, ahead) in
        seeds().flat_map(|seed| [(seed, [0, 0, 0]), (seed, [0, 30, 7]), (seed, [0, 5_400, 90])])
    {
        let mut fleet = Fleet::new(3, 0.1, seed, config.clone(), &ahead);
        (0..3).for_each(|at| fleet.callers(at, 6, 50));

        fleet.run(SECOND * 150).await;
        fleet.stop();

        let truth = fleet.truth.lock();
        println!("clocks ahead by {ahead:?} s, seed {seed}: {:?}", truth.minutes);
        assert!(truth.minutes.values().all(|prompts| *prompts <= LIMIT), "{:?}", truth.minutes);
        // A whole minute is used as far as it can be.
        assert!(truth.minutes.values().any(|prompts| *prompts >= LIMIT * 9 / 10), "{:?}", truth.minutes);
    }
}

#[tokio::test(start_paused = true)]
async fn next_minute_begins_anew_everywhere() {
    let config = KeyConfig::new("a").with_requests_per_minute(60);
    let mut fleet = Fleet::new(3, 0.0, 1, config, &[]);
    (0..3).for_each(|at| fleet.callers(at, 2, 100));

    // Ten seconds of the first minute, and two whole ones.
    fleet.run(SECOND * 130).await;
    fleet.stop();

    let truth = fleet.truth.lock();
    let minutes: Vec<u64> = truth.minutes.values().copied().collect();
    assert_eq!(minutes.len(), 3);
    assert!(minutes.iter().all(|prompts| (54..=60).contains(prompts)), "{minutes:?}");
}
