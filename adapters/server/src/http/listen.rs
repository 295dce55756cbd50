//! Bind, serve, drain.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
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
    task: JoinHandle<io::Result<()>>,
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
    /// [`Code::Unavailable`] when the listener failed.
    pub async fn until(mut self, signal: impl Future<Output = ()>) -> Result<(), Error> {
        tokio::select! {
            () = signal => {}
            ended = &mut self.task => return ended.map_err(io::Error::other).and_then(|end| end).map_err(failed),
        }
        tracing::info!(patience_s = self.patience.as_secs(), "draining");
        self.draining.cancel();
        let drained = async {
            self.sockets.drain().await;
            (&mut self.task).await
        };
        if tokio::time::timeout(self.patience, drained).await.is_err() {
            tracing::warn!("the drain time is over; closing what is still open");
            self.task.abort();
        }
        Ok(())
    }
}

/// Binds the address and serves `app` on it.
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
    let address = listener.local_addr().map_err(failed)?;
    let stop = draining.clone().cancelled_owned();
    let task = tokio::spawn(axum::serve(listener, app).with_graceful_shutdown(stop).into_future());
    Ok(Running { address, draining, sockets, patience: Duration::from_secs(config.drain_s), task })
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

fn failed(err: io::Error) -> Error {
    Error::new(Code::Unavailable, "the listener failed").with_operation("server::listen").with_source(err)
}
