//! Asks the model, lets the policy choose, writes the receipt.

use std::collections::HashSet;

use jiff::Timestamp;
use maily_errors::{Code, Error, Public, Result};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use uuid::Uuid;

use super::policy::pick;
use super::receipts::Pending;
use super::{Ask, Outcome, Policy, Ranked, Receipts, Recommendation, RecommendationId, Settled};
use crate::config::RecommendConfig;
use crate::features::Features;
use crate::model::Scores;

/// Chooses among scored candidates and remembers what it chose.
#[derive(Debug)]
pub struct Recommender {
    policy: Policy,
    receipts: Receipts,
    random: StdRng,
}

impl Ask {
    /// The most candidates of one question.
    pub const LIMIT: usize = 1_000;

    /// Checks the number of candidates and that their names differ.
    ///
    /// # Errors
    ///
    /// [`Code::CandidatesInvalid`].
    pub fn check(&self) -> Result<()> {
        let invalid = |message| {
            Error::new(Code::CandidatesInvalid, message)
                .with_operation("analytics::recommend")
                .with_context("candidates", Public(self.candidates.len()))
                .with_context("limit", Public(Self::LIMIT))
        };
        if self.candidates.is_empty() || self.candidates.len() > Self::LIMIT {
            return Err(invalid("the number of candidates is out of range"));
        }
        let mut names = HashSet::with_capacity(self.candidates.len());
        for (index, candidate) in self.candidates.iter().enumerate() {
            if !names.insert(&candidate.name) {
                let pointer = format!("/candidates/{index}/name");
                return Err(
                    invalid("two candidates have one name").with_violation(pointer, "a name of its own")
                );
            }
        }
        Ok(())
    }
}

impl Recommender {
    /// Creates a recommender without receipts.
    ///
    /// # Errors
    ///
    /// [`Code::Invalid`] when a setting is out of its range.
    pub fn new(config: &RecommendConfig) -> Result<Self> {
        config.check()?;
        let random = config.seed.map_or_else(|| StdRng::from_rng(&mut rand::rng()), StdRng::seed_from_u64);
        Ok(Self {
            policy: Policy::EpsilonGreedy { exploration: config.exploration },
            receipts: Receipts::new(config.receipts),
            random,
        })
    }

    /// Chooses one candidate. `scores` are the model's answer for the candidates, in order.
    ///
    /// # Errors
    ///
    /// - [`Code::CandidatesInvalid`], as [`Ask::check`] says.
    /// - [`Code::Unexpected`] when the model did not answer one estimate per candidate.
    pub fn choose(&mut self, ask: Ask, scores: Scores, now: Timestamp) -> Result<Recommendation> {
        ask.check()?;
        if scores.estimates.len() != ask.candidates.len() {
            return Err(Error::new(Code::Unexpected, "the model did not score every candidate")
                .with_operation("analytics::recommend"));
        }
        let propensities = self.policy.propensities(&scores.estimates);
        let index = pick(&propensities, self.random.random());
        let (estimate, propensity) = (scores.estimates[index], propensities[index]);
        let chosen = ask.candidates[index].name.clone();
        let id = RecommendationId(Uuid::now_v7());
        let mut rows = Vec::with_capacity(ask.candidates.len());
        let mut ranking = Vec::with_capacity(ask.candidates.len());
        let answers = scores.estimates.into_iter().zip(propensities);
        for (candidate, (estimate, propensity)) in ask.candidates.into_iter().zip(answers) {
            rows.push(candidate.features);
            ranking.push(Ranked { name: candidate.name, estimate, propensity });
        }
        ranking.sort_by(|a, b| b.estimate.probability.total_cmp(&a.estimate.probability));
        self.receipts.issue(
            id,
            Pending {
                chosen: chosen.clone(),
                features: rows.swap_remove(index),
                model: scores.model.clone(),
                estimate,
                propensity,
            },
        );
        Ok(Recommendation { id, chosen, estimate, propensity, model: scores.model, time: now, ranking })
    }

    /// Records what became of a recommendation. Answers the line for the books, and the row to learn from.
    ///
    /// # Errors
    ///
    /// As [`Receipts::settle`].
    pub fn settle(&mut self, outcome: Outcome) -> Result<(Settled, Features)> {
        self.receipts.settle(outcome)
    }
}
