use std::time::Duration;

use maily_errors::{Code, Error, Public, Result};
use serde::{Deserialize, Serialize};

use super::CacheConfig;
use crate::layer::similar::Rules;

/// When the answer to a similar prompt is given. Needs the cache to be on.
///
/// # Examples
///
/// ```
/// use maily_mesh::MeshConfig;
///
/// let config: MeshConfig =
///     serde_json::from_str(r#"{ "cache": { "enabled": true, "similar": { "enabled": true, "max_wrong": 0.02 } } }"#).unwrap();
/// assert!(config.cache.similar.check().is_ok());
/// ```
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
#[non_exhaustive]
#[serde(default, deny_unknown_fields)]
pub struct SimilarConfig {
    /// Whether it is at all.
    pub enabled: bool,
    /// The most prompts that may get a wrong answer, as a part of all, 0.0001 to 0.5.
    pub max_wrong: f64,
    /// The cosine from which two answers agree, 0.5 to 1.0; at 1.0 they need the same words.
    pub agree: f32,
    /// The longest text that is looked up, in bytes, 1 to 65 536.
    pub max_text_bytes: usize,
    /// How long an embedding may take, in milliseconds, 1 to 60 000; then a node is asked.
    pub timeout_ms: u64,
    /// The most answers, 1 to 100 000.
    pub max_entries: usize,
    /// The most memory for all of them, about, in bytes.
    pub max_bytes: u64,
}

impl Default for SimilarConfig {
    fn default() -> Self {
        let Rules { max_wrong, agree, max_text_bytes, timeout, max_entries, max_bytes, .. } =
            Rules::default();
        let timeout_ms = timeout.as_millis() as u64;
        Self { enabled: false, max_wrong, agree, max_text_bytes, timeout_ms, max_entries, max_bytes }
    }
}

impl SimilarConfig {
    /// Looks whether every number is in its range.
    ///
    /// # Errors
    ///
    /// [`Code::ConfigInvalid`] with the field that is not.
    pub fn check(&self) -> Result<()> {
        let broken = [
            ("max_wrong", !(0.0001..=0.5).contains(&self.max_wrong)),
            ("agree", !(0.5..=1.0).contains(&self.agree)),
            ("max_text_bytes", !(1..=65_536).contains(&self.max_text_bytes)),
            ("timeout_ms", !(1..=60_000).contains(&self.timeout_ms)),
            ("max_entries", !(1..=100_000).contains(&self.max_entries)),
        ];
        match broken.iter().find(|(_, broken)| *broken) {
            None => Ok(()),
            Some((field, _)) => Err(Error::new(Code::ConfigInvalid, "a setting is out of its range")
                .with_operation("mesh::similar")
                .with_context("field", Public(*field))),
        }
    }

    pub(crate) fn rules(self, cache: &CacheConfig) -> Option<Rules> {
        let cache = cache.rules().filter(|_| self.enabled)?;
        Some(Rules {
            max_wrong: self.max_wrong,
            agree: self.agree,
            max_text_bytes: self.max_text_bytes,
            timeout: Duration::from_millis(self.timeout_ms),
            max_entries: self.max_entries,
            max_bytes: self.max_bytes,
            cache,
            seed: None,
        })
    }
}
