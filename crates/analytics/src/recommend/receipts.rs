//! Which recommendations wait for their outcome, and which have it.

use std::collections::{HashMap, VecDeque};

use maily_errors::{Code, Error, Result};
use serde::{Deserialize, Serialize};

use super::{Outcome, RecommendationId};
use crate::features::Features;
use crate::model::{CandidateName, Estimate, ModelVersion};

/// The receipts of the newest recommendations.
///
/// Each takes one outcome. Holds `limit` receipts; a new one forgets the oldest, which is then not found.
#[derive(Debug)]
pub struct Receipts {
    limit: usize,
    order: VecDeque<RecommendationId>,
    known: HashMap<RecommendationId, Option<Pending>>,
}

/// What is needed when the outcome comes.
#[derive(Clone, Debug)]
pub(super) struct Pending {
    pub(super) chosen: CandidateName,
    pub(super) features: Features,
    pub(super) model: ModelVersion,
    pub(super) estimate: Estimate,
    pub(super) propensity: f64,
}

/// A recommendation with its outcome: one line of the data that a new policy is judged on.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Settled {
    /// Which recommendation.
    pub id: RecommendationId,
    /// What was chosen.
    pub chosen: CandidateName,
    /// Which model chose.
    pub model: ModelVersion,
    /// What it promised.
    pub estimate: Estimate,
    /// How likely the choice was.
    pub propensity: f64,
    /// What became of it.
    pub success: bool,
}

impl Receipts {
    /// Creates an empty set that holds `limit` receipts, at least one.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self { limit: limit.max(1), order: VecDeque::new(), known: HashMap::new() }
    }

    pub(super) fn issue(&mut self, id: RecommendationId, pending: Pending) {
        self.known.insert(id, Some(pending));
        self.order.push_back(id);
        if self.order.len() > self.limit
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
    }

    /// Records an outcome. Answers the line for the books, and the row to learn from.
    ///
    /// # Errors
    ///
    /// - [`Code::RecommendationNotFound`] when no receipt has this identifier, or not any more.
    /// - [`Code::OutcomeDuplicate`] when the outcome is known.
    pub fn settle(&mut self, outcome: Outcome) -> Result<(Settled, Features)> {
        let entry = self
            .known
            .get_mut(&outcome.id)
            .ok_or_else(|| Error::from(Code::RecommendationNotFound).with_operation("analytics::settle"))?;
        let pending = entry
            .take()
            .ok_or_else(|| Error::from(Code::OutcomeDuplicate).with_operation("analytics::settle"))?;
        let settled = Settled {
            id: outcome.id,
            chosen: pending.chosen,
            model: pending.model,
            estimate: pending.estimate,
            propensity: pending.propensity,
            success: outcome.success,
        };
        Ok((settled, pending.features))
    }
}
