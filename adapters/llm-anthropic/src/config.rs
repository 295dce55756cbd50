//! The settings of a node.

use maily_client_http1::Patience;
use maily_errors::{Result, Secret};
use maily_mesh::Betas;
use serde::Deserialize;

use crate::Anthropic;

/// The settings of a server of messages.
///
/// # Examples
///
/// ```
/// use maily_llm_anthropic::AnthropicConfig;
///
/// let node = AnthropicConfig::new("https://api.anthropic.com/v1").with_key("sk-ant-1").build()?;
/// assert!(!format!("{node:?}").contains("sk-ant-1"));
/// assert!(AnthropicConfig::new("ftp://somewhere").build().is_err());
/// # Ok::<(), maily_errors::Error>(())
/// ```
#[derive(Clone, Debug, Deserialize)]
#[non_exhaustive]
#[serde(deny_unknown_fields)]
pub struct AnthropicConfig {
    /// Where the API begins, usually up to `/v1`.
    pub url: String,
    /// The key, sent as `x-api-key`.
    #[serde(default)]
    pub key: Option<Secret<String>>,
    /// What to ask for in `anthropic-beta`, beside what a prompt asks for.
    #[serde(default)]
    pub betas: Vec<String>,
    /// How long the server may be silent.
    #[serde(default)]
    pub patience: Patience,
}

impl AnthropicConfig {
    /// Creates settings: 5 s to connect, 60 s to the head of the answer, 30 s of silence inside it.
    pub fn new(url: impl Into<String>) -> Self {
        Self { url: url.into(), key: None, betas: Vec::new(), patience: Patience::default() }
    }

    /// Sets the key.
    #[must_use]
    pub fn with_key(mut self, key: impl Into<String>) -> Self {
        self.key = Some(Secret::new(key.into()));
        self
    }

    /// Asks for a beta.
    #[must_use]
    pub fn with_beta(mut self, beta: impl Into<String>) -> Self {
        self.betas.push(beta.into());
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
    /// [`Code::ConfigInvalid`](maily_errors::Code::ConfigInvalid) when the URL is not one of HTTP, or the key or a beta
    /// cannot be a header.
    pub fn build(self) -> Result<Anthropic> {
        let betas = self.betas.join(",");
        let key = self.key.iter().map(|key| ("x-api-key", key.expose().as_str()));
        let beta = (!betas.is_empty()).then_some((Betas::HEADER, &*betas));
        let fields: Vec<_> = key.into_iter().chain(beta).collect();
        Anthropic::new(&self.url, &fields, self.patience)
    }
}
