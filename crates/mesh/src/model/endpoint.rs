//! Where a node is, in the words of OpenTelemetry.

use std::sync::Arc;

use super::{Format, Formats};

/// Where a node is and whose protocol it speaks, as spans and metrics name it.
///
/// # Examples
///
/// ```
/// use maily_mesh::{Endpoint, Formats};
///
/// let own = Endpoint::of("http", Formats::CHAT, "http://user:secret@10.1.2.80:8000/v1");
/// assert_eq!((own.provider(), own.address(), own.port()), ("openai", Some("10.1.2.80"), Some(8000)));
///
/// let vendor = Endpoint::of("https", Formats::CHAT, "https://api.mistral.ai/v1");
/// assert_eq!((vendor.provider(), vendor.port()), ("mistral_ai", Some(443)));
///
/// let local = Endpoint::of("candle", Formats::CHAT, "candle:");
/// assert_eq!((local.provider(), local.address()), ("candle", None));
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Endpoint {
    provider: &'static str,
    address: Option<Arc<str>>,
    port: Option<u16>,
}

impl Endpoint {
    /// Reads where a node is from its URL; `scheme` chose its adapter, and `native` is what it takes as it is.
    ///
    /// The provider is that of the host if it is a known one, else the one whose protocol the node speaks, and the
    /// scheme for a node of this process. Of the URL only host and port are kept.
    #[must_use]
    pub fn of(scheme: &'static str, native: Formats, url: &str) -> Self {
        let uri = url.contains("://").then(|| url.parse::<http::Uri>().ok()).flatten();
        let Some((uri, host)) = uri.as_ref().and_then(|uri| Some((uri, uri.host()?))) else {
            return Self::in_process(scheme);
        };
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let usual = if scheme.ends_with("https") { 443 } else { 80 };
        let spoken = if native.contains(Format::Chat) || !native.contains(Format::Messages) {
            "openai"
        } else {
            "anthropic"
        };
        Self {
            provider: provider(host).unwrap_or(spoken),
            address: Some(host.into()),
            port: Some(uri.port_u16().unwrap_or(usual)),
        }
    }

    /// Creates the endpoint of a node in this process.
    #[must_use]
    pub const fn in_process(provider: &'static str) -> Self {
        Self { provider, address: None, port: None }
    }

    /// Returns the provider, as `gen_ai.provider.name` has it.
    #[must_use]
    pub const fn provider(&self) -> &'static str {
        self.provider
    }

    /// Returns whether it signs what its models think, and takes such a thought back only with its signature.
    #[must_use]
    pub fn signs_thoughts(&self) -> bool {
        matches!(self.provider, "anthropic" | "aws.bedrock" | "gcp.vertex_ai")
    }

    /// Returns the host; none for a node of this process.
    #[must_use]
    pub fn address(&self) -> Option<&str> {
        self.address.as_deref()
    }

    /// Returns the port.
    #[must_use]
    pub const fn port(&self) -> Option<u16> {
        self.port
    }
}

impl Default for Endpoint {
    /// A node of this process of which nobody said what it is.
    fn default() -> Self {
        Self::in_process(OWN)
    }
}

/// The provider of what no node answered: a cache did, or it failed before.
pub(crate) const OWN: &str = "maily";

/// The well-known value for a host.
fn provider(host: &str) -> Option<&'static str> {
    // A dot in front stands for any name below it.
    let is = |known: &str| match known.strip_prefix('.') {
        Some(domain) => host == domain || host.ends_with(known),
        None => host == known,
    };
    if host.starts_with("bedrock") && host.ends_with(".amazonaws.com") {
        return Some("aws.bedrock");
    }
    if host.ends_with("-aiplatform.googleapis.com") {
        return Some("gcp.vertex_ai");
    }
    HOSTS.into_iter().find(|(known, _)| is(known)).map(|(_, provider)| provider)
}

const HOSTS: [(&str, &str); 17] = [
    (".anthropic.com", "anthropic"),
    (".cohere.ai", "cohere"),
    (".cohere.com", "cohere"),
    (".deepseek.com", "deepseek"),
    (".groq.com", "groq"),
    (".inference.ai.azure.com", "azure.ai.inference"),
    (".ml.cloud.ibm.com", "ibm.watsonx.ai"),
    (".mistral.ai", "mistral_ai"),
    (".moonshot.ai", "moonshot_ai"),
    (".moonshot.cn", "moonshot_ai"),
    (".openai.azure.com", "azure.ai.openai"),
    (".openai.com", "openai"),
    (".perplexity.ai", "perplexity"),
    (".services.ai.azure.com", "azure.ai.inference"),
    (".x.ai", "x_ai"),
    ("aiplatform.googleapis.com", "gcp.vertex_ai"),
    ("generativelanguage.googleapis.com", "gcp.gemini"),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn provider_of(scheme: &'static str, native: Formats, url: &str) -> &'static str {
        Endpoint::of(scheme, native, url).provider()
    }

    #[test]
    fn known_host_is_its_provider_and_another_one_that_of_its_protocol() {
        for (host, provider) in [
            ("api.openai.com", "openai"),
            ("me.openai.azure.com", "azure.ai.openai"),
            ("api.anthropic.com", "anthropic"),
            ("bedrock-runtime.eu-west-1.amazonaws.com", "aws.bedrock"),
            ("europe-west1-aiplatform.googleapis.com", "gcp.vertex_ai"),
            ("aiplatform.googleapis.com", "gcp.vertex_ai"),
            ("notopenai.com", "openai"),
            ("evil-mistral.ai", "openai"),
            ("vllm.internal", "openai"),
        ] {
            assert_eq!(
                provider_of("https", Formats::CHAT, &format!("https://{host}/v1")),
                provider,
                "{host}"
            );
        }
        let url = "anthropic+http://claude.internal:8080";
        assert_eq!(provider_of("anthropic+http", Formats::MESSAGES, url), "anthropic");
    }

    #[test]
    fn address_is_the_host_without_key_path_and_brackets() {
        let at = |url| {
            let endpoint = Endpoint::of("http", Formats::CHAT, url);
            (endpoint.address().map(str::to_owned), endpoint.port())
        };

        assert_eq!(at("http://[::1]:8000/v1"), (Some("::1".to_owned()), Some(8000)));
        assert_eq!(at("http://key@host/v1?x=1"), (Some("host".to_owned()), Some(80)));
        assert_eq!(at("http://"), (None, None));
        assert_eq!(at("echo:"), (None, None));
    }
}
