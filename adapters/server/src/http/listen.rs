//! Bind, serve, drain.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use maily_errors::{Code, Error, Public};
use maily_serve_ws::Sockets;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::config::Server;

/// A server that answers, until it is told to stop.
#[derive(Debug)]
pub struct Running {
    address: SocketAddr,
    draining: CancellationToken,
    sockets: Sockets,
    patience: Duration,
    task: JoinHandle<()>,
}

impl Running {
    /// Returns the address, with the port that the system chose if port 0 was asked for.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Waits for `signal`, then takes nothing new and waits for what was begun, at most the drain time.
    ///
    /// # Errors
    ///
    /// [`Code::Unexpected`] when serving ended by itself.
    pub async fn until(mut self, signal: impl Future<Output = ()>) -> Result<(), Error> {
        tokio::select! {
            () = signal => {}
            ended = &mut self.task => {
                let err = Error::new(Code::Unexpected, "serving ended by itself").with_operation("server::listen");
                return Err(ended.err().map_or(Error::from(Code::Unexpected), |join| err.with_source(join)));
            }
        }
        tracing::info!(patience_s = self.patience.as_secs(), "draining");
        self.draining.cancel();
        let drained = async {
            self.sockets.drain().await;
            let _ = (&mut self.task).await;
        };
        // The sockets have their own time and then say goodbye; let the last words leave.
        if tokio::time::timeout(self.patience + LAST_WORDS, drained).await.is_err() {
            tracing::warn!("the drain time is over; closing what is still open");
            self.task.abort();
        }
        Ok(())
    }
}

/// Binds the address and serves `app` on it.
///
/// A request whose headers take longer than 10 seconds, are larger than 64 KiB or more than 100, is refused.
///
/// # Errors
///
/// - [`Code::KeysRequired`] when the address is not loopback and there are no keys.
/// - [`Code::AddressInUse`] when another process listens there.
pub async fn listen(
    config: &Server,
    app: Router,
    sockets: Sockets,
    draining: CancellationToken,
) -> Result<Running, Error> {
    if !config.listen.ip().is_loopback() && config.keys.is_empty() {
        return Err(Error::from(Code::KeysRequired)
            .with_operation("server::listen")
            .with_context("listen", Public(config.listen)));
    }
    let listener = TcpListener::bind(config.listen).await.map_err(|err| unbound(config.listen, err))?;
    let address = listener.local_addr().map_err(|err| unbound(config.listen, err))?;
    let task = tokio::spawn(accept(listener, app, draining.clone()));
    Ok(Running { address, draining, sockets, patience: Duration::from_secs(config.drain_s), task })
}

/// Takes connections until `draining`, then waits for those that are open.
async fn accept(listener: TcpListener, app: Router, draining: CancellationToken) {
    let mut http = Builder::new(TokioExecutor::new());
    http.http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIME)
        .max_buf_size(MAX_HEADER_BYTES)
        .max_headers(MAX_HEADERS);
    http.http2().timer(TokioTimer::new()).max_header_list_size(MAX_HEADER_BYTES as u32);
    let open = GracefulShutdown::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = draining.cancelled() => break,
        };
        let socket = match accepted {
            Ok((socket, _)) => socket,
            Err(err) => {
                // Out of file descriptors: those that are open go on, and some of them will end.
                tracing::warn!(%err, "a connection could not be taken");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        // Answers are small and streamed: nothing is gained by waiting for a full packet.
        let _ = socket.set_nodelay(true);
        let service = TowerToHyperService::new(app.clone());
        let connection = http.serve_connection_with_upgrades(TokioIo::new(socket), service).into_owned();
        let connection = open.watch(connection);
        tokio::spawn(async move {
            if let Err(err) = connection.await {
                tracing::debug!(%err, "a connection ended early");
            }
        });
    }
    drop(listener);
    open.shutdown().await;
}

fn unbound(address: SocketAddr, err: io::Error) -> Error {
    let code = match err.kind() {
        io::ErrorKind::AddrInUse => Code::AddressInUse,
        _ => Code::Unavailable,
    };
    Error::from(code)
        .with_operation("server::listen")
        .with_context("listen", Public(address))
        .with_source(err)
}

const LAST_WORDS: Duration = Duration::from_secs(2);
const HEADER_TIME: Duration = Duration::from_secs(10);
const MAX_HEADER_BYTES: usize = 64 * 1024;
const MAX_HEADERS: usize = 100;
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
