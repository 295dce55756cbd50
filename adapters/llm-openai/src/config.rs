//! The settings of a node.

use std::time::Duration;

use http::{HeaderValue, Uri};
use maily_errors::{Code, Error, Public, Result, Secret};
use serde::Deserialize;

use crate::client::OpenAi;
use crate::codec::Heads;
use crate::http1::{Patience, Target};

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
pub(crate) struct Settings {
    pub(crate) target: Target,
    pub(crate) patience: Patience,
    pub(crate) heads: Heads,
}

impl OpenAiConfig {
    /// Creates settings: 5 s to connect, 60 s to the head of the answer, 30 s of silence inside it.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            key: None,
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

    /// Builds the node. It connects with the first prompt, not now.
    ///
    /// # Errors
    ///
    /// [`Code::ConfigInvalid`] when the URL is not one of HTTP, or the key cannot be a header.
    pub fn build(self) -> Result<OpenAi> {
        Ok(OpenAi::new(self.check()?))
    }

    fn check(self) -> Result<Settings> {
        let invalid = |message| Error::new(Code::ConfigInvalid, message).with_operation("openai::build");
        let not_a_url =
            || invalid("the url is not one of http or https").with_context("url", Public(&self.url));
        let url: Uri = self.url.parse().map_err(|_| not_a_url())?;
        let authority = url.authority().ok_or_else(not_a_url)?;
        if authority.as_str().contains('@') {
            return Err(invalid("the url names a user; a key has a setting of its own"));
        }
        // An address of version 6 has brackets in a URL, and nowhere else.
        let host = authority.host().trim_start_matches('[').trim_end_matches(']');
        let target = match url.scheme_str() {
            Some("http") => Target::plain(host, authority.port_u16().unwrap_or(80)),
            Some("https") => Target::tls(host, authority.port_u16().unwrap_or(443)).ok_or_else(not_a_url)?,
            _ => return Err(not_a_url()),
        };
        let key = self.key.as_ref().map(|key| key.expose().as_str());
        if key.is_some_and(|key| HeaderValue::from_str(key).is_err()) {
            return Err(invalid("the key has characters that no header may have"));
        }
        let query = url.query().map(|query| format!("?{query}")).unwrap_or_default();
        Ok(Settings {
            target,
            patience: Patience {
                connect: Duration::from_millis(self.connect_ms),
                headers: Duration::from_millis(self.headers_ms),
                between: Duration::from_millis(self.between_ms),
            },
            heads: Heads::new(authority.as_str(), url.path(), &query, key),
        })
    }
}
