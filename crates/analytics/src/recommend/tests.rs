use jiff::Timestamp;
use maily_errors::Code;
use proptest::prelude::*;

use super::policy::pick;
use super::*;
use crate::config::RecommendConfig;
use crate::model::Scores;

fn estimate(probability: f64) -> Estimate {
    Estimate { probability, low: 0.0, high: 1.0, level: 0.9, evidence: 0.0, cold: true, margin: 0.0 }
}

fn ask(names: &[&str]) -> Ask {
    let candidate =
        |name: &&str| Candidate { name: CandidateName::new(*name).unwrap(), features: Features::new() };
    Ask { candidates: names.iter().map(candidate).collect() }
}

fn scores(probabilities: &[f64]) -> Scores {
    let estimates = probabilities.iter().map(|&probability| estimate(probability)).collect();
    Scores { model: ModelVersion::new("test", 0), estimates }
}

fn recommender() -> Recommender {
    let config = RecommendConfig { seed: Some(1), receipts: 2, ..RecommendConfig::default() };
    Recommender::new(&config).unwrap()
}

#[test]
fn choice_is_as_frequent_as_its_propensity() {
    let mut recommender =
        Recommender::new(&RecommendConfig { seed: Some(5), ..RecommendConfig::default() }).unwrap();
    let mut chosen = [0_u32; 3];
    for _ in 0..10_000 {
        let answer = recommender
            .choose(ask(&["a", "b", "c"]), scores(&[0.1, 0.3, 0.2]), Timestamp::UNIX_EPOCH)
            .unwrap();
        let index = ["a", "b", "c"].iter().position(|name| *name == answer.chosen.as_str()).unwrap();
        chosen[index] += 1;
        let expected = if index == 1 { 0.9 + 0.1 / 3.0 } else { 0.1 / 3.0 };
        assert!((answer.propensity - expected).abs() < 1e-12);
    }

    // Three standard deviations of a binomial count around 333 and 9,333.
    assert!(chosen[0].abs_diff(333) < 54 && chosen[2].abs_diff(333) < 54, "{chosen:?}");
    assert!(chosen[1].abs_diff(9_333) < 75, "{chosen:?}");
}

#[test]
fn ranking_begins_with_the_most_promising() {
    let answer =
        recommender().choose(ask(&["a", "b", "c"]), scores(&[0.1, 0.3, 0.2]), Timestamp::UNIX_EPOCH).unwrap();

    let names: Vec<_> = answer.ranking.iter().map(|ranked| ranked.name.as_str()).collect();
    assert_eq!(names, ["b", "c", "a"]);
}

#[test]
fn receipt_takes_one_outcome() {
    let mut recommender = recommender();
    let answer = recommender.choose(ask(&["a"]), scores(&[0.4]), Timestamp::UNIX_EPOCH).unwrap();
    let outcome = Outcome { id: answer.id, success: true };

    let (settled, _) = recommender.settle(outcome).unwrap();
    let again = recommender.settle(Outcome { success: false, ..outcome });

    assert_eq!((settled.propensity, settled.estimate.probability, settled.success), (1.0, 0.4, true));
    assert_eq!(again.unwrap_err().code(), Code::OutcomeDuplicate);
}

#[test]
fn unknown_receipt_is_not_found() {
    let nobody = Outcome { id: RecommendationId(Uuid::nil()), success: true };

    assert_eq!(recommender().settle(nobody).unwrap_err().code(), Code::RecommendationNotFound);
}

#[test]
fn oldest_receipt_is_forgotten_at_the_limit() {
    let mut recommender = recommender();
    let mut issue = || recommender.choose(ask(&["a"]), scores(&[0.4]), Timestamp::UNIX_EPOCH).unwrap().id;
    let ids = [issue(), issue(), issue()];

    let settle = |id| recommender.settle(Outcome { id, success: true });
    let codes: Vec<_> =
        ids.map(settle).into_iter().map(|result| result.err().map(|err| err.code())).collect();

    assert_eq!(codes, [Some(Code::RecommendationNotFound), None, None]);
}

#[test]
fn candidates_are_refused_without_and_beyond_the_limit_and_with_one_name_twice() {
    let many = |count: usize| {
        let names: Vec<_> = (0..count).map(|n| n.to_string()).collect();
        ask(&names.iter().map(String::as_str).collect::<Vec<_>>()).check()
    };

    assert!(many(1).is_ok() && many(1_000).is_ok());
    for bad in [many(0), many(1_001), ask(&["a", "b", "a"]).check()] {
        assert_eq!(bad.unwrap_err().code(), Code::CandidatesInvalid);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn propensities_sum_to_1(probabilities in prop::collection::vec(0.0..=1.0_f64, 1..50), exploration in 0.0..=1.0_f64) {
        let estimates: Vec<_> = probabilities.into_iter().map(estimate).collect();

        let propensities = Policy::EpsilonGreedy { exploration }.propensities(&estimates);

        prop_assert!((propensities.iter().sum::<f64>() - 1.0).abs() < 1e-9);
        prop_assert!(propensities.iter().all(|propensity| (0.0..=1.0 + 1e-9).contains(propensity)));
    }

    #[test]
    fn pick_never_takes_what_has_no_chance(propensities in prop::collection::vec(0_u8..3, 1..20), draw in 0.0..1.0_f64) {
        prop_assume!(propensities.iter().any(|&p| p > 0));
        let propensities: Vec<_> = propensities.into_iter().map(f64::from).collect();

        prop_assert!(propensities[pick(&propensities, draw)] > 0.0);
    }
}
