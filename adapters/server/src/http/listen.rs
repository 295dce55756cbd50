//! Bind, serve, drain.

use std::io;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::thread::available_parallelism;
use std::time::Duration;

use axum::Router;
use maily_errors::{Code, Error, Public};
use maily_serve_ws::Sockets;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::lane::Lane;
use crate::config::Server;

/// A server that answers, until it is told to stop.
#[derive(Debug)]
pub struct Running {
    address: SocketAddr,
    draining: CancellationToken,
    sockets: Sockets,
    patience: Duration,
    /// Ends what is still open.
    cut: CancellationToken,
    task: JoinHandle<()>,
}

impl Running {
    /// Returns the address, with the port that the system chose if port 0 was asked for.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Waits for `signal`, then takes nothing new and waits for what was begun, at most the drain time. What is still open
    /// then is cut, and has settled what it took when this returns.
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
            self.cut.cancel();
            let _ = tokio::time::timeout(CUT_TIME, &mut self.task).await;
        }
        Ok(())
    }
}

/// Binds the address and serves `app` on it, with a thread for each core; `keys` says whether callers need one.
///
/// A request whose headers take longer than 10 seconds, are larger than 64 KiB or more than 100, is refused.
///
/// # Errors
///
/// - [`Code::KeysRequired`] when the address is not loopback and there are no keys.
/// - [`Code::AddressInUse`] when another process listens there.
pub async fn listen(
    config: &Server,
    keys: bool,
    app: Router,
    sockets: Sockets,
    draining: CancellationToken,
) -> Result<Running, Error> {
    if !config.listen.ip().is_loopback() && !keys {
        return Err(Error::from(Code::KeysRequired)
            .with_operation("server::listen")
            .with_context("listen", Public(config.listen)));
    }
    let listener = TcpListener::bind(config.listen).await.map_err(|err| unbound(config.listen, err))?;
    let address = listener.local_addr().map_err(|err| unbound(config.listen, err))?;
    let cores = available_parallelism().map_or(1, NonZeroUsize::get);
    let lanes = (0..cores).map(|_| Lane::start(app.clone())).collect::<io::Result<_>>();
    let lanes = lanes.map_err(|err| unbound(config.listen, err))?;
    let cut = CancellationToken::new();
    let task = tokio::spawn(accept(listener, lanes, draining.clone(), cut.clone()));
    Ok(Running { address, draining, sockets, patience: Duration::from_secs(config.drain_s), cut, task })
}

/// Takes connections until `draining` and gives each to the lane that has the fewest, then waits for those that are
/// open, until they are `cut`.
async fn accept(
    listener: TcpListener,
    lanes: Vec<Lane>,
    draining: CancellationToken,
    cut: CancellationToken,
) {
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = draining.cancelled() => break,
        };
        // Answers are small and streamed: nothing is gained by waiting for a full packet.
        let socket = accepted.and_then(|(socket, _)| {
            let _ = socket.set_nodelay(true);
            socket.into_std()
        });
        match (socket, lanes.iter().min_by_key(|lane| lane.load())) {
            (Ok(socket), Some(lane)) => lane.put(socket),
            (Ok(_), None) => {}
            (Err(err), _) => {
                // Out of file descriptors: those that are open go on, and some of them will end.
                tracing::warn!(%err, "a connection could not be taken");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    drop(listener);
    let mut lanes: Vec<_> = lanes.into_iter().map(Lane::close).collect();
    let drained = async {
        for lane in &mut lanes {
            lane.drained().await;
        }
    };
    cut.run_until_cancelled(drained).await;
    for lane in lanes {
        lane.end().await;
    }
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
/// A lane ends between two steps of what runs on it.
const CUT_TIME: Duration = Duration::from_secs(1);
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
