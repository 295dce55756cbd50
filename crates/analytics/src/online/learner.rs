//! The model with its calibration.

use std::sync::Arc;
use std::task::{Context, Poll};

use maily_errors::{Error, Result};
use parking_lot::RwLock;
use tower_service::Service;

use super::Coin;
use crate::calibrate::Calibrator;
use crate::config::LearnerConfig;
use crate::features::Features;
use crate::model::{Estimate, ModelVersion, Scores};

/// A [`Coin`] whose log-odds a [`Calibrator`] turns into honest estimates.
///
/// # Examples
///
/// ```
/// use maily_analytics::Features;
/// use maily_analytics::config::LearnerConfig;
/// use maily_analytics::online::Learner;
///
/// let mut learner = Learner::new(&LearnerConfig::default())?;
/// let row = Features::new().with_category("plan", "free")?;
/// assert!(learner.score(&row).cold);
///
/// for n in 0..1_000_u32 {
///     learner.learn(&row, Features::hash(&n.to_string()) % 4 == 0);
/// }
/// let estimate = learner.score(&row);
/// assert!(estimate.low < 0.25 && 0.25 < estimate.high && estimate.width() < 0.2);
/// # Ok::<(), maily_errors::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Learner {
    coin: Coin,
    calibrator: Calibrator,
    labels: u64,
}

impl Learner {
    /// Creates a model that knows nothing and says so.
    ///
    /// # Errors
    ///
    /// [`Code::Invalid`](maily_errors::Code::Invalid) when a setting is out of its range.
    pub fn new(config: &LearnerConfig) -> Result<Self> {
        config.check()?;
        Ok(Self {
            coin: Coin::new(config.bits, config.memory_labels),
            calibrator: Calibrator::new(config.level, config.memory_labels),
            labels: 0,
        })
    }

    /// Estimates how likely the label of this row is true. O(features), no allocation.
    #[must_use]
    pub fn score(&self, row: &Features) -> Estimate {
        self.calibrator.estimate(self.coin.margin(row))
    }

    /// Learns a label at once. Answers the estimate from before, so one pass measures and learns.
    pub fn learn(&mut self, row: &Features, label: bool) -> Estimate {
        let margin = self.coin.learn(row, label);
        let before = self.calibrator.estimate(margin);
        self.calibrator.learn(margin, label);
        self.labels += 1;
        before
    }

    /// Learns a label that comes after other labels. `said` is the estimate that was given for the row.
    ///
    /// Calibration is about what was *said*, not about what the model of today would say: the difference is what
    /// a delay costs, and this way the intervals know it.
    pub fn learn_late(&mut self, row: &Features, said: &Estimate, label: bool) {
        self.coin.learn(row, label);
        self.calibrator.learn(said.margin, label);
        self.labels += 1;
    }

    /// Returns how many labels it has learned.
    #[must_use]
    pub const fn labels(&self) -> u64 {
        self.labels
    }

    /// Returns which model this is, and after how many labels.
    #[must_use]
    pub fn version(&self) -> ModelVersion {
        ModelVersion::new("coin/1", self.labels)
    }
}

/// A [`Learner`] that many tasks share: the [`Score`](crate::port::Score) port on the built-in model.
#[derive(Clone, Debug)]
pub struct Learning {
    learner: Arc<RwLock<Learner>>,
}

impl Learning {
    /// Shares a model.
    #[must_use]
    pub fn new(learner: Learner) -> Self {
        Self { learner: Arc::new(RwLock::new(learner)) }
    }

    /// Estimates all rows by one state of the model.
    #[must_use]
    pub fn score(&self, rows: &[Features]) -> Scores {
        let learner = self.learner.read();
        Scores { model: learner.version(), estimates: rows.iter().map(|row| learner.score(row)).collect() }
    }

    /// Learns a label at once.
    pub fn learn(&self, row: &Features, label: bool) {
        self.learner.write().learn(row, label);
    }

    /// Learns a label that comes after other labels. `said` is the estimate that was given for the row.
    pub fn learn_late(&self, row: &Features, said: &Estimate, label: bool) {
        self.learner.write().learn_late(row, said, label);
    }
}

impl Service<Vec<Features>> for Learning {
    type Response = Scores;
    type Error = Error;
    type Future = std::future::Ready<Result<Scores>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, rows: Vec<Features>) -> Self::Future {
        std::future::ready(Ok(self.score(&rows)))
    }
}
