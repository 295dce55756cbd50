//! The way to a connection: a name, its addresses, TLS.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsConnector;

use super::connection::{Connection, Io};

/// How long an address may take before the next one is tried beside it: RFC 8305, section 5.
const NEXT_ADDRESS: Duration = Duration::from_millis(250);

/// A server, by name and port.
pub(crate) struct Target {
    host: Box<str>,
    port: u16,
    tls: Option<(TlsConnector, ServerName<'static>)>,
}

impl Target {
    pub(crate) fn plain(host: &str, port: u16) -> Self {
        Self { host: host.into(), port, tls: None }
    }

    /// A server that proves its name by a certificate of a public authority; `None` for a name that none can have.
    pub(crate) fn tls(host: &str, port: u16) -> Option<Self> {
        let roots = webpki_roots::TLS_SERVER_ROOTS.iter().cloned().collect();
        Self::trusting(host, port, roots)
    }

    pub(super) fn trusting(host: &str, port: u16, roots: RootCertStore) -> Option<Self> {
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
    pub(super) async fn connect(&self, limit: Duration) -> io::Result<Connection> {
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
