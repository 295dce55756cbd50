//! One request to the API server, on a connection of its own.

use bytes::{Bytes, BytesMut};
use http::header::{ACCEPT, AUTHORIZATION, HOST, USER_AGENT};
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use maily_errors::Result;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{Duration, timeout};

use crate::cluster::Cluster;
use crate::error;

/// An answer that is being read. Dropping it closes the connection.
#[derive(Debug)]
pub(crate) struct Answer {
    body: Incoming,
    /// What moves the bytes of the connection.
    _connection: JoinSet<()>,
}

/// Asks, and returns the status with the answer.
pub(crate) async fn get(cluster: &Cluster, path: &str) -> Result<(StatusCode, Answer)> {
    let token = cluster.token().await?;
    let asked = async {
        let silent = |err| error::unreachable("there is no connection").with_source(err);
        let socket = TcpStream::connect((cluster.host.as_str(), cluster.port)).await.map_err(silent)?;
        let mut request = Request::get(path)
            .header(HOST, &cluster.host)
            .header(ACCEPT, "application/json")
            .header(USER_AGENT, "maily");
        if let Some(token) = token {
            request = request.header(AUTHORIZATION, format!("Bearer {}", token.expose()));
        }
        // The source would quote the header, with the token in it.
        let request = request.body(Empty::new()).map_err(|_| error::malformed("the token is none"))?;
        match &cluster.tls {
            Some((tls, name)) => {
                let secret = tls.connect(name.clone(), socket).await;
                send(secret.map_err(|err| error::unreachable("TLS failed").with_source(err))?, request).await
            }
            None => send(socket, request).await,
        }
    };
    timeout(PATIENCE, asked).await.map_err(|_| error::unreachable("no answer in time"))?
}

async fn send(
    io: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    request: Request<Empty<Bytes>>,
) -> Result<(StatusCode, Answer)> {
    let broken = |err: hyper::Error| error::unreachable("the connection broke").with_source(err);
    let (mut sender, connection) = http1::handshake(TokioIo::new(io)).await.map_err(broken)?;
    let mut task = JoinSet::new();
    task.spawn(async move {
        // What goes wrong is told by the body as well.
        let _ = connection.await;
    });
    let response = sender.send_request(request).await.map_err(broken)?;
    Ok((response.status(), Answer { body: response.into_body(), _connection: task }))
}

impl Answer {
    /// Returns the next bytes; `None` at the end.
    pub(crate) async fn piece(&mut self) -> Result<Option<Bytes>> {
        loop {
            match self.body.frame().await {
                None => return Ok(None),
                Some(Ok(frame)) => {
                    if let Ok(bytes) = frame.into_data() {
                        return Ok(Some(bytes));
                    }
                }
                Some(Err(err)) => return Err(error::unreachable("the answer broke off").with_source(err)),
            }
        }
    }

    /// Returns all of it.
    pub(crate) async fn whole(mut self) -> Result<Bytes> {
        let read = async {
            let mut whole = BytesMut::new();
            while let Some(piece) = self.piece().await? {
                if whole.len() + piece.len() > MAX_LIST_BYTES {
                    return Err(error::malformed("the list is too long"));
                }
                whole.extend_from_slice(&piece);
            }
            Ok(whole.freeze())
        };
        timeout(PATIENCE, read).await.map_err(|_| error::unreachable("no answer in time"))?
    }
}

/// How long a connection, and then a list, may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// The longest list: some 30,000 pods.
const MAX_LIST_BYTES: usize = 32 * 1024 * 1024;
