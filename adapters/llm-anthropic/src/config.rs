//! The settings of a node.

use std::time::Duration;

use http::uri::Scheme;
use http::{HeaderValue, Uri};
use maily_errors::{Code, Error, Public, Result, Secret};
use maily_mesh::Format;
use serde::Deserialize;

use crate::client::Anthropic;

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
    /// What to ask for in `anthropic-beta`.
    #[serde(default)]
    pub betas: Vec<String>,
    /// The longest wait for a TCP connection, in milliseconds.
    #[serde(default = "default_connect_ms")]
    pub connect_ms: u64,
    /// The longest wait for the head of the answer, in milliseconds.
    #[serde(default = "default_headers_ms")]
    pub headers_ms: u64,
    /// The longest silence inside the answer, in milliseconds.
    #[serde(default = "default_between_ms")]
    pub between_ms: u64,
}

const fn default_connect_ms() -> u64 {
    5_000
}

const fn default_headers_ms() -> u64 {
    60_000
}

const fn default_between_ms() -> u64 {
    30_000
}

/// What a client needs, checked.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) endpoint: Uri,
    pub(crate) key: Option<HeaderValue>,
    pub(crate) betas: Option<HeaderValue>,
    pub(crate) connect: Duration,
    pub(crate) headers: Duration,
    pub(crate) between: Duration,
}

impl AnthropicConfig {
    /// Creates settings: 5 s to connect, 60 s to the head of the answer, 30 s of silence inside it.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            key: None,
            betas: Vec::new(),
            connect_ms: default_connect_ms(),
            headers_ms: default_headers_ms(),
            between_ms: default_between_ms(),
        }
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

    /// Builds the node. It connects with the first prompt, not now.
    ///
    /// # Errors
    ///
    /// [`Code::ConfigInvalid`] when the URL is not one of HTTP, or the key or a beta cannot be a header.
    pub fn build(self) -> Result<Anthropic> {
        Ok(Anthropic::new(self.check()?))
    }

    fn check(self) -> Result<Settings> {
        let invalid = |message| Error::new(Code::ConfigInvalid, message).with_operation("anthropic::build");
        let not_a_url =
            || invalid("the url is not one of http or https").with_context("url", Public(&self.url));
        let endpoint = format!("{}{}", self.url.trim_end_matches('/'), Format::Messages.path());
        let endpoint: Uri = endpoint.parse().map_err(|_| not_a_url())?;
        if ![Some(&Scheme::HTTP), Some(&Scheme::HTTPS)].contains(&endpoint.scheme()) {
            return Err(not_a_url());
        }
        let header = |value: &str| {
            HeaderValue::try_from(value)
                .map_err(|_| invalid("the key or a beta has characters that no header may have"))
        };
        let mut key = self.key.as_ref().map(|key| header(key.expose())).transpose()?;
        if let Some(key) = &mut key {
            key.set_sensitive(true);
        }
        let betas = (!self.betas.is_empty()).then(|| header(&self.betas.join(",")));
        Ok(Settings {
            endpoint,
            key,
            betas: betas.transpose()?,
            connect: Duration::from_millis(self.connect_ms),
            headers: Duration::from_millis(self.headers_ms),
            between: Duration::from_millis(self.between_ms),
        })
    }
}
