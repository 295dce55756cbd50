//! The settings of a node.

use maily_client_http1::Patience;
use maily_errors::{Result, Secret};
use serde::Deserialize;

use crate::OpenAi;

/// The settings of an OpenAI-compatible server.
///
/// # Examples
///
/// ```
/// use maily_llm_openai::OpenAiConfig;
///
/// let node = OpenAiConfig::new("http://127.0.0.1:8000/v1").with_key("sk-1").build()?;
/// assert!(!format!("{node:?}").contains("sk-1"));
/// assert!(OpenAiConfig::new("ftp://somewhere").build().is_err());
/// # Ok::<(), maily_errors::Error>(())
/// ```
#[derive(Clone, Debug, Deserialize)]
#[non_exhaustive]
#[serde(deny_unknown_fields)]
pub struct OpenAiConfig {
    /// Where the API begins, usually up to `/v1`.
    pub url: String,
    /// The key, sent as `Authorization: Bearer`.
    #[serde(default)]
    pub key: Option<Secret<String>>,
    /// How long the server may be silent.
    #[serde(default)]
    pub patience: Patience,
}

impl OpenAiConfig {
    /// Creates settings: 5 s to connect, 60 s to the head of the answer, 30 s of silence inside it.
    pub fn new(url: impl Into<String>) -> Self {
        Self { url: url.into(), key: None, patience: Patience::default() }
    }

    /// Sets the key.
    #[must_use]
    pub fn with_key(mut self, key: impl Into<String>) -> Self {
        self.key = Some(Secret::new(key.into()));
        self
    }

    /// Sets how long the server may be silent.
    #[must_use]
    pub const fn with_patience(mut self, patience: Patience) -> Self {
        self.patience = patience;
        self
    }

    /// Builds the node. It connects with the first prompt, not now.
    ///
    /// # Errors
    ///
    /// [`Code::ConfigInvalid`](maily_errors::Code::ConfigInvalid) when the URL is not one of HTTP, or the key cannot be a
    /// header.
    pub fn build(self) -> Result<OpenAi> {
        let key = self.key.as_ref().map(|key| format!("Bearer {}", key.expose()));
        let fields: Vec<_> = key.iter().map(|key| ("authorization", key.as_str())).collect();
        OpenAi::new(&self.url, &fields, self.patience)
    }
}
