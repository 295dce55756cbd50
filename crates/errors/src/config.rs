//! Settings, as a configuration file spells them.

use serde::Deserialize;

use crate::layer::decode::DecodeLayer;

/// Settings of the layer that reads upstream errors.
///
/// # Examples
///
/// ```
/// use maily_errors::DecodeConfig;
///
/// let config: DecodeConfig = serde_json::from_str(r#"{"max_bytes": 4096}"#)?;
/// assert_eq!(config.max_bytes, 4096);
/// assert!(serde_json::from_str::<DecodeConfig>(r#"{"max_byte": 4096}"#).is_err());
/// let layer = config.build();
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct DecodeConfig {
    /// How much of an error's body is read, in bytes; 65 536 unless set. A larger body is not a problem document.
    pub max_bytes: usize,
}

impl DecodeConfig {
    /// Returns the layer with these settings.
    #[must_use]
    pub const fn build(self) -> DecodeLayer {
        DecodeLayer::new(self.max_bytes)
    }
}

impl Default for DecodeConfig {
    fn default() -> Self {
        Self { max_bytes: 64 * 1024 }
    }
}
