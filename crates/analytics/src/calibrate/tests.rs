use proptest::prelude::*;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::*;

#[test]
fn quantile_is_that_of_the_normal_table() {
    for (p, z) in [(0.5, 0.0), (0.975, 1.959_964), (0.95, 1.644_854), (0.001, -3.090_232), (0.999, 3.090_232)]
    {
        assert!((quantile(p) - z).abs() < 1e-5, "{p}");
    }
}

#[test]
fn calibration_without_labels_knows_nothing() {
    let estimate = Calibrator::new(0.9, 2_000.0).estimate(1.0);

    assert_eq!((estimate.low, estimate.high, estimate.evidence), (0.0, 1.0, 0.0));
    assert!(estimate.cold);
}

#[test]
fn interval_shrinks_with_evidence() {
    let mut calibrator = Calibrator::new(0.9, 1e6);
    let mut random = StdRng::seed_from_u64(1);
    let mut widths = Vec::new();
    for n in 1..=10_000 {
        calibrator.learn(0.0, random.random_bool(0.5));
        if [10, 100, 1_000, 10_000].contains(&n) {
            widths.push(calibrator.estimate(0.0).width());
        }
    }

    assert!(widths.windows(2).all(|pair| pair[1] < pair[0]), "{widths:?}");
    assert!(widths[0] > 0.3 && widths[3] < 0.03, "{widths:?}");
}

/// Labels whose true rate is another function of the margin than the model believes.
fn coverage(truth: fn(f64) -> f64, labels: usize, memory: f64) -> f64 {
    let (mut inside, mut all) = (0, 0);
    for seed in 0..20 {
        let mut random = StdRng::seed_from_u64(seed);
        let mut calibrator = Calibrator::new(0.9, memory);
        for _ in 0..labels {
            let margin = random.random_range(-4.0..2.0);
            calibrator.learn(margin, random.random_bool(sigmoid(truth(margin))));
        }
        for _ in 0..200 {
            let margin = random.random_range(-4.0..2.0);
            let estimate = calibrator.estimate(margin);
            let rate = sigmoid(truth(margin));
            inside += usize::from(estimate.low <= rate && rate <= estimate.high);
            all += 1;
        }
    }
    inside as f64 / all as f64
}

#[test]
fn interval_covers_the_true_rate_at_its_level() {
    for labels in [50, 500, 5_000] {
        for (name, truth) in [
            ("as believed", (|margin| margin) as fn(f64) -> f64),
            ("overconfident", |margin| 0.4 * margin - 1.0),
            ("underconfident", |margin| 2.0 * margin + 0.5),
            ("bent", |margin| margin - 0.2 * margin * margin),
        ] {
            let covered = coverage(truth, labels, 1e6);
            assert!(covered >= 0.9, "{name} after {labels} labels: {covered}");
        }
    }
}

#[test]
fn interval_covers_the_new_rate_after_a_drift() {
    let mut inside = 0;
    for seed in 0..200 {
        let mut random = StdRng::seed_from_u64(seed);
        let mut calibrator = Calibrator::new(0.9, 500.0);
        for n in 0..6_000 {
            calibrator.learn(-3.0, random.random_bool(if n < 2_000 { 0.05 } else { 0.25 }));
        }
        let estimate = calibrator.estimate(-3.0);
        inside += i32::from(estimate.low <= 0.25 && 0.25 <= estimate.high);
    }

    // 180 are expected; three standard deviations below are 167.
    assert!(inside >= 167, "{inside}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn estimate_holds_its_point_within_0_and_1(
        labels in prop::collection::vec((-40.0..40.0_f64, any::<bool>()), 0..200),
        margin in -40.0..40.0_f64,
    ) {
        let mut calibrator = Calibrator::new(0.9, 100.0);
        for (margin, label) in labels {
            calibrator.learn(margin, label);
        }

        let estimate = calibrator.estimate(margin);

        prop_assert!(0.0 <= estimate.low && estimate.low <= estimate.probability);
        prop_assert!(estimate.probability <= estimate.high && estimate.high <= 1.0);
    }

    #[test]
    fn wilson_holds_its_share(of in 0..100_000_u64, share in 0.0..=1.0_f64, level in 0.5..0.999_f64) {
        let rate = wilson((of as f64 * share) as u64, of, level);

        let value = rate.value.unwrap_or(0.5);
        prop_assert!(0.0 <= rate.low && rate.low <= value && value <= rate.high && rate.high <= 1.0);
    }
}
