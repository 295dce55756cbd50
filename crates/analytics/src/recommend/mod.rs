//! From candidates to a receipt: what was chosen, how sure we are, how likely the choice was.
//!
//! The receipt names the *propensity*: with which probability the policy chose this candidate. Without it
//! nobody can find out later what another policy would have earned, so it is no option here.

mod policy;
mod receipts;
mod recommender;

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

pub use self::policy::Policy;
pub use self::receipts::{Receipts, Settled};
pub use self::recommender::Recommender;
use crate::features::Features;
use crate::model::{CandidateName, Estimate, ModelVersion};

#[cfg(test)]
mod tests;

/// A question: which of these?
#[derive(Clone, Debug, PartialEq)]
pub struct Ask {
    /// 1 to 1,000 candidates with distinct names.
    pub candidates: Vec<Candidate>,
}

/// One of the things to choose from.
#[derive(Clone, Debug, PartialEq)]
pub struct Candidate {
    /// Its name in the answer.
    pub name: CandidateName,
    /// What is known about it, and about the situation.
    pub features: Features,
}

/// The identifier of a recommendation, which is its receipt.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(transparent)]
pub struct RecommendationId(pub Uuid);

/// The answer to an [`Ask`], and the receipt for it.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Recommendation {
    /// Under which its outcome is reported, once.
    pub id: RecommendationId,
    /// Which candidate to use.
    pub chosen: CandidateName,
    /// How likely the chosen one succeeds.
    pub estimate: Estimate,
    /// With which probability this candidate was chosen; above 0.
    pub propensity: f64,
    /// Which model said so.
    pub model: ModelVersion,
    /// When.
    pub time: Timestamp,
    /// All candidates, the most promising first. Their propensities sum to 1.
    pub ranking: Vec<Ranked>,
}

/// One candidate in the ranking.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Ranked {
    /// Which.
    pub name: CandidateName,
    /// How likely it succeeds.
    pub estimate: Estimate,
    /// With which probability it would have been chosen.
    pub propensity: f64,
}

/// What became of a recommendation.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Outcome {
    /// Of which.
    pub id: RecommendationId,
    /// Whether it succeeded.
    pub success: bool,
}

impl fmt::Display for RecommendationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
