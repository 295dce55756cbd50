//! The way to a connection: a name, its addresses, TLS.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use http::Uri;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsConnector;

use crate::connection::{Connection, Io};

/// How long an address may take before the next one is tried beside it: RFC 8305, section 5.
const NEXT_ADDRESS: Duration = Duration::from_millis(250);

/// A server, by name and port, and how it proves its name.
///
/// # Examples
///
/// ```
/// use maily_client_http1::Target;
///
/// assert!(Target::of(&"https://api.openai.com/v1".parse().unwrap()).is_some());
/// assert!(Target::of(&"ftp://somewhere".parse().unwrap()).is_none());
/// ```
pub struct Target {
    host: Box<str>,
    port: u16,
    tls: Option<(TlsConnector, ServerName<'static>)>,
}

impl Target {
    /// Returns the server of a URL, at port 80 or 443 unless it says another; `None` for one that is not of `http` or
    /// `https`, or names no server.
    ///
    /// With `https` the server proves its name by a certificate of a public authority (webpki-roots).
    #[must_use]
    pub fn of(url: &Uri) -> Option<Self> {
        // An address of version 6 has brackets in a URL, and nowhere else.
        let host = url.host()?.trim_start_matches('[').trim_end_matches(']');
        match url.scheme_str()? {
            "http" => Some(Self::plain(host, url.port_u16().unwrap_or(80))),
            "https" => {
                let roots = webpki_roots::TLS_SERVER_ROOTS.iter().cloned().collect();
                Self::trusting(host, url.port_u16().unwrap_or(443), roots)
            }
            _ => None,
        }
    }

    pub(crate) fn plain(host: &str, port: u16) -> Self {
        Self { host: host.into(), port, tls: None }
    }

    pub(crate) fn trusting(host: &str, port: u16, roots: RootCertStore) -> Option<Self> {
        let name = ServerName::try_from(host.to_owned()).ok()?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("ring speaks TLS 1.2 and 1.3")
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Some(Self { host: host.into(), port, tls: Some((TlsConnector::from(Arc::new(config)), name)) })
    }

    /// Connects, in all within `limit`.
    pub(crate) async fn connect(&self, limit: Duration) -> io::Result<Connection> {
        let io = timeout(limit, async {
            let socket = self.socket().await?;
            // A request leaves in one write: there is nothing to wait for.
            socket.set_nodelay(true)?;
            Ok(match &self.tls {
                None => Io::Plain(socket),
                Some((connector, name)) => Io::Tls(Box::new(connector.connect(name.clone(), socket).await?)),
            })
        });
        let late = |_| Err(io::Error::new(io::ErrorKind::TimedOut, "no connection in time"));
        io.await.unwrap_or_else(late).map(Connection::new)
    }

    /// Tries the addresses of the name in their order, the next one beside those that take their time.
    async fn socket(&self) -> io::Result<TcpStream> {
        let mut addresses =
            lookup_host((&*self.host, self.port)).await?.collect::<Vec<SocketAddr>>().into_iter();
        let mut tried = FuturesUnordered::new();
        let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
        tried.extend(addresses.next().map(TcpStream::connect));
        loop {
            tokio::select! {
                answer = tried.next() => match answer {
                    Some(Ok(socket)) => return Ok(socket),
                    Some(Err(err)) => {
                        last = err;
                        tried.extend(addresses.next().map(TcpStream::connect));
                    }
                    None => return Err(last),
                },
                () = sleep(NEXT_ADDRESS), if addresses.len() > 0 => {
                    tried.extend(addresses.next().map(TcpStream::connect));
                }
            }
        }
    }
}

impl std::fmt::Debug for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Target")
            .field("host", &self.host)
            .field("port", &self.port)
            .field("tls", &self.tls.is_some())
            .finish()
    }
}
