//! Settings.

use std::time::Duration;

use maily_errors::{Code, Error, Public};
use serde::Deserialize;

/// Settings of [`Trust`](crate::Trust). A key that is unknown is an error.
///
/// # Examples
///
/// ```
/// use maily_trust::TrustConfig;
///
/// let config: TrustConfig = serde_json::from_str(r#"{"max_batch": 100, "linger_ms": 20}"#).unwrap();
/// assert_eq!(config.max_batch, 100);
/// assert!(serde_json::from_str::<TrustConfig>(r#"{"max_bach": 100}"#).is_err());
/// ```
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
#[non_exhaustive]
#[serde(default, deny_unknown_fields)]
pub struct TrustConfig {
    /// The most certificates that one checkpoint brings, 1 to 1,000,000.
    pub max_batch: usize,
    /// The most certificates that wait for a checkpoint; above it requests are refused as throttled.
    pub max_waiting: usize,
    /// How long a batch waits for more, in milliseconds. With 0 a batch is what came during the one before.
    pub linger_ms: u64,
    /// Where certificates are shown: the QR code leads to `PUBLIC_URL/ID`. Without it, it is a `maily:` link.
    pub public_url: Option<String>,
}

impl TrustConfig {
    /// Checks the values.
    ///
    /// # Errors
    ///
    /// [`Code::ConfigInvalid`] naming the key.
    pub fn validate(&self) -> Result<(), Error> {
        let invalid = |key: &'static str, message| {
            Err(Error::new(Code::ConfigInvalid, message)
                .with_operation("trust::config")
                .with_context("key", Public(key)))
        };
        if !(1..=1_000_000).contains(&self.max_batch) {
            return invalid("max_batch", "a batch has 1 to 1,000,000 certificates");
        }
        if self.max_waiting == 0 {
            return invalid("max_waiting", "at least one certificate may wait");
        }
        if self.public_url.as_ref().is_some_and(|url| url.len() > 512 || url.chars().any(char::is_control)) {
            return invalid("public_url", "the address has at most 512 visible characters");
        }
        Ok(())
    }

    pub(crate) const fn linger(&self) -> Duration {
        Duration::from_millis(self.linger_ms)
    }
}

impl Default for TrustConfig {
    fn default() -> Self {
        Self { max_batch: 4_096, max_waiting: 10_000, linger_ms: 0, public_url: None }
    }
}
