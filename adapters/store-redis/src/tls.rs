//! TLS by rustls: roots of the Mozilla programme, or a file of our own.

use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use std::{future, io};

use maily_errors::{Code, Error, Result};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::sleep;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use crate::RedisConfig;
use crate::error;
use crate::stream::{Address, Tls};

/// Returns what both sides must prove: the server a certificate of one of the authorities in `ca_file`, or of a public
/// one; we what is in `cert_file` and `key_file`, if they are set.
///
/// # Errors
///
/// [`Code::ConfigInvalid`] when a file cannot be used, or only one of the last two is set.
pub(crate) fn client(config: &RedisConfig) -> Result<Tls> {
    let mut roots = RootCertStore::empty();
    match &config.ca_file {
        None => roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
        Some(file) => {
            for certificate in certificates("ca_file", file)? {
                roots.add(certificate).map_err(|err| invalid("ca_file", &err))?;
            }
        }
    }
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|err| invalid("ca_file", &err))?
        .with_root_certificates(roots);
    let config = match (&config.cert_file, &config.key_file) {
        (None, None) => builder.with_no_client_auth(),
        (Some(file), Some(key_file)) => {
            let key = PrivateKeyDer::from_pem_file(Path::new(key_file));
            let key = key.map_err(|err| invalid("key_file", &err))?;
            let own = certificates("cert_file", file)?;
            builder.with_client_auth_cert(own, key).map_err(|err| invalid("cert_file", &err))?
        }
        _ => return Err(error::config("cert_file and key_file belong together")),
    };
    Ok(Tls(TlsConnector::from(Arc::new(config))))
}

/// Makes a connection secret, and makes sure who is at its other end.
pub(crate) async fn handshake(
    connector: &TlsConnector,
    tcp: TcpStream,
    address: &Address,
) -> Result<TlsStream<TcpStream>> {
    let name = ServerName::try_from(address.host.clone())
        .map_err(|err| invalid("host", &err).with_context("address", address.to_string()))?;
    let secret = pin!(connector.connect(name, tcp));
    tokio::select! {
        biased;
        stream = secret => stream.map_err(|err| error::handshake(&err, address)),
        () = answers_plainly(address) => Err(error::plain(address)),
    }
}

/// Ends when the server turns out to answer what is not secret; never when it does not.
///
/// A Redis that does not speak TLS takes the first words of it for a line without end, and waits for the rest.
async fn answers_plainly(address: &Address) {
    sleep(PATIENCE).await;
    let ask = async {
        let mut tcp = TcpStream::connect((address.host.as_str(), address.port)).await?;
        tcp.write_all(b"PING\r\n").await?;
        tcp.read_u8().await
    };
    let answer: io::Result<u8> = ask.await;
    // `+PONG`, or `-NOAUTH`. A server that speaks TLS closes the connection, or says so in a record.
    if !matches!(answer, Ok(b'+' | b'-')) {
        future::pending::<()>().await;
    }
}

fn certificates(setting: &'static str, file: &str) -> Result<Vec<CertificateDer<'static>>> {
    let read = CertificateDer::pem_file_iter(file).map_err(|err| invalid(setting, &err))?;
    let read = read.collect::<std::result::Result<Vec<_>, _>>().map_err(|err| invalid(setting, &err))?;
    if read.is_empty() { Err(invalid(setting, &"there is no certificate in it")) } else { Ok(read) }
}

fn invalid(setting: &'static str, because: &dyn std::fmt::Display) -> Error {
    Error::new(Code::ConfigInvalid, "a setting for TLS cannot be used")
        .with_operation("store_redis::config")
        .with_context("setting", setting)
        .with_context("because", because.to_string())
}

/// How long a server may take for the first words of TLS before it is asked whether it speaks plainly.
const PATIENCE: Duration = Duration::from_millis(300);
