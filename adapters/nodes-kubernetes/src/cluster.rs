//! The API server: where it is, how it proves itself, and how this pod does.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use http::Uri;
use http::uri::Scheme;
use maily_errors::{Result, Secret};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio_rustls::TlsConnector;

use crate::config::{KubernetesNodesConfig, invalid};
use crate::error;

/// An API server.
#[derive(Clone)]
pub(crate) struct Cluster {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) tls: Option<(TlsConnector, ServerName<'static>)>,
    token_file: PathBuf,
}

impl Cluster {
    pub(crate) fn of(config: &KubernetesNodesConfig) -> Result<Self> {
        let url = config.api.clone().or_else(from_environment);
        let url = url.ok_or_else(|| invalid("api", "this is no pod: say where the API server is"))?;
        let url: Uri = url.parse().map_err(|err| invalid("api", "this is no URL").with_source(err))?;
        let host = url.host().unwrap_or_default().trim_matches(['[', ']']).to_owned();
        let is_secret = match url.scheme() {
            Some(scheme) if *scheme == Scheme::HTTPS => true,
            Some(scheme) if *scheme == Scheme::HTTP => false,
            _ => return Err(invalid("api", "an API server is at an `https` or `http` URL")),
        };
        let port = url.port_u16().unwrap_or(if is_secret { 443 } else { 80 });
        let tls = is_secret.then(|| tls(config, &host)).transpose()?;
        Ok(Self { host, port, tls, token_file: config.token_file.clone() })
    }

    /// Reads the token of this pod; `None` where nobody may hear it.
    pub(crate) async fn token(&self) -> Result<Option<Secret<String>>> {
        if self.tls.is_none() {
            return Ok(None);
        }
        let token = tokio::fs::read_to_string(&self.token_file).await.map_err(error::without_token)?;
        Ok(Some(Secret::new(token.trim().to_owned())))
    }
}

impl fmt::Debug for Cluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cluster").field("host", &self.host).field("port", &self.port).finish_non_exhaustive()
    }
}

/// What Kubernetes tells every pod.
fn from_environment() -> Option<String> {
    let host = std::env::var("KUBERNETES_SERVICE_HOST").ok()?;
    let port = std::env::var("KUBERNETES_SERVICE_PORT").ok()?;
    Some(if host.contains(':') {
        format!("https://[{host}]:{port}")
    } else {
        format!("https://{host}:{port}")
    })
}

fn tls(config: &KubernetesNodesConfig, host: &str) -> Result<(TlsConnector, ServerName<'static>)> {
    let unreadable = |err| invalid("ca_file", "the authorities cannot be read").with_source(err);
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(&config.ca_file).map_err(unreadable)? {
        let added = roots.add(certificate.map_err(unreadable)?);
        added.map_err(|err| invalid("ca_file", "this is no certificate").with_source(err))?;
    }
    if roots.is_empty() {
        return Err(invalid("ca_file", "there is no certificate in it"));
    }
    let name = ServerName::try_from(host.to_owned());
    let name = name.map_err(|err| invalid("api", "no certificate can have this name").with_source(err))?;
    let mut config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("ring speaks TLS 1.2 and 1.3")
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok((TlsConnector::from(Arc::new(config)), name))
}
