//! Settings, with the numbers that a new installation starts with.

use maily_errors::{Code, Error, Result};
use serde::{Deserialize, Serialize};

/// All settings of analytics. A key that does not exist is an error.
///
/// # Examples
///
/// ```
/// use maily_analytics::AnalyticsConfig;
///
/// let config: AnalyticsConfig = serde_json::from_str(r#"{"recommend":{"exploration":0.05}}"#)?;
/// assert_eq!(config.recommend.exploration, 0.05);
/// assert_eq!(config.windows.width_s, 300);
/// assert!(serde_json::from_str::<AnalyticsConfig>(r#"{"windoes":{}}"#).is_err());
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[non_exhaustive]
#[serde(default, deny_unknown_fields)]
pub struct AnalyticsConfig {
    /// The model.
    pub learner: LearnerConfig,
    /// What is tried, and how long it is remembered.
    pub recommend: RecommendConfig,
    /// The live windows.
    pub windows: WindowsConfig,
}

/// Settings of the model.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[non_exhaustive]
#[serde(default, deny_unknown_fields)]
pub struct LearnerConfig {
    /// The model has 2^bits slots of 32 bytes; 8 to 24, default 18 (8 MiB).
    pub bits: u8,
    /// How often an interval holds the true rate; 0.5 to 0.999, default 0.9.
    pub level: f64,
    /// After how many labels a label has faded; 100 to 1e12, default 2,000.
    pub memory_labels: f64,
}

/// Settings of recommendations.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[non_exhaustive]
#[serde(default, deny_unknown_fields)]
pub struct RecommendConfig {
    /// The share of recommendations that try any candidate; 0 to 1, default 0.1.
    pub exploration: f64,
    /// How many receipts wait for their outcome; 1 to 10,000,000, default 100,000. The oldest goes first.
    pub receipts: usize,
    /// Makes choices repeatable. Without it they are not.
    pub seed: Option<u64>,
}

/// Settings of the live windows.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[non_exhaustive]
#[serde(default, deny_unknown_fields)]
pub struct WindowsConfig {
    /// The width of a window in seconds; 1 to 86,400, default 300.
    pub width_s: u32,
    /// How late an event may be before its window counts as final, in seconds; default 120.
    pub lateness_s: u32,
    /// How long a final window can still be corrected, in seconds; default 604,800 (a week).
    pub retention_s: u32,
    /// How often the confidence band of a rate holds; 0.5 to 0.999, default 0.95.
    pub level: f64,
    /// How many updates a client may miss before it gets a snapshot; 1 to 1,000,000, default 4,096.
    pub history: usize,
    /// The most windows over all campaigns; 1 to 1,000,000, default 20,000. The oldest go first.
    pub max_windows: usize,
    /// The most messages whose way is followed; 1 to 100,000,000, default 1,000,000. The oldest go first.
    pub max_messages: usize,
}

impl Default for LearnerConfig {
    fn default() -> Self {
        Self { bits: 18, level: 0.9, memory_labels: 2_000.0 }
    }
}

impl Default for RecommendConfig {
    fn default() -> Self {
        Self { exploration: 0.1, receipts: 100_000, seed: None }
    }
}

impl Default for WindowsConfig {
    fn default() -> Self {
        Self {
            width_s: 300,
            lateness_s: 120,
            retention_s: 7 * 24 * 60 * 60,
            level: 0.95,
            history: 4_096,
            max_windows: 20_000,
            max_messages: 1_000_000,
        }
    }
}

impl AnalyticsConfig {
    /// Checks every number against its range.
    ///
    /// # Errors
    ///
    /// [`Code::Invalid`], with every setting that is out of range.
    pub fn check(&self) -> Result<()> {
        self.learner.check()?;
        self.recommend.check()?;
        self.windows.check()
    }
}

impl LearnerConfig {
    pub(crate) fn check(&self) -> Result<()> {
        verdict(&[
            ((8..=24).contains(&self.bits), "/learner/bits", "8 to 24"),
            ((0.5..=0.999).contains(&self.level), "/learner/level", "0.5 to 0.999"),
            ((100.0..=1e12).contains(&self.memory_labels), "/learner/memory_labels", "100 to 1e12"),
        ])
    }
}

impl RecommendConfig {
    pub(crate) fn check(&self) -> Result<()> {
        verdict(&[
            ((0.0..=1.0).contains(&self.exploration), "/recommend/exploration", "0 to 1"),
            ((1..=10_000_000).contains(&self.receipts), "/recommend/receipts", "1 to 10,000,000"),
        ])
    }
}

impl WindowsConfig {
    pub(crate) fn check(&self) -> Result<()> {
        verdict(&[
            ((1..=86_400).contains(&self.width_s), "/windows/width_s", "1 to 86,400"),
            ((0.5..=0.999).contains(&self.level), "/windows/level", "0.5 to 0.999"),
            ((1..=1_000_000).contains(&self.history), "/windows/history", "1 to 1,000,000"),
            ((1..=1_000_000).contains(&self.max_windows), "/windows/max_windows", "1 to 1,000,000"),
            ((1..=100_000_000).contains(&self.max_messages), "/windows/max_messages", "1 to 100,000,000"),
        ])
    }
}

fn verdict(rules: &[(bool, &str, &str)]) -> Result<()> {
    let broken: Vec<_> = rules.iter().filter(|(holds, ..)| !holds).collect();
    if broken.is_empty() {
        return Ok(());
    }
    let error =
        Error::new(Code::Invalid, "a setting is out of its range").with_operation("analytics::config");
    Err(broken.into_iter().fold(error, |error, (_, pointer, range)| error.with_violation(*pointer, *range)))
}
