//! TLS by rustls: roots of the Mozilla programme, or a file of our own.

use std::sync::Arc;

use maily_errors::{Code, Error, Result};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use crate::error;
use crate::stream::{Address, Tls};

/// Returns what a server must prove: a certificate of one of the authorities in the PEM file, or of a public one.
///
/// # Errors
///
/// [`Code::ConfigInvalid`] when the file cannot be read or has no certificate.
pub(crate) fn client(ca_file: Option<&str>) -> Result<Tls> {
    let mut roots = RootCertStore::empty();
    match ca_file {
        None => roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
        Some(path) => {
            for certificate in CertificateDer::pem_file_iter(path).map_err(|err| invalid(&err.to_string()))? {
                let certificate = certificate.map_err(|err| invalid(&err.to_string()))?;
                roots.add(certificate).map_err(|err| invalid(&err.to_string()))?;
            }
            if roots.is_empty() {
                return Err(invalid("there is no certificate in it"));
            }
        }
    }
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|err| invalid(&err.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Tls(TlsConnector::from(Arc::new(config))))
}

/// Makes a connection secret, and makes sure who is at its other end.
pub(crate) async fn handshake(
    connector: &TlsConnector,
    tcp: TcpStream,
    address: &Address,
) -> Result<TlsStream<TcpStream>> {
    let name = ServerName::try_from(address.host.clone())
        .map_err(|_| invalid("the host is no name that a certificate can have"))?;
    connector.connect(name, tcp).await.map_err(|err| error::handshake(&err, address))
}

fn invalid(because: &str) -> Error {
    Error::new(Code::ConfigInvalid, "the certificates of the authorities cannot be used")
        .with_operation("store_redis::config")
        .with_context("because", because.to_owned())
}
