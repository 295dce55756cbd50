//! The connection manager.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;
use maily_errors::{Code, Error, Respond};
use tokio::sync::oneshot;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use super::farewell::{self, Remains};
use super::slot::{Slot, Slots};
use super::socket::Wire;
use super::{Socket, SocketsConfig, Upgrade};

/// The connection manager of all sockets of a server. A clone is a handle to the same manager.
#[derive(Clone, Debug, Default)]
pub struct Sockets {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    config: SocketsConfig,
    slots: Arc<Slots>,
    next: AtomicU64,
    drain: CancellationToken,
    kill: CancellationToken,
}

impl Sockets {
    /// Creates a manager with these limits.
    #[must_use]
    pub fn new(config: SocketsConfig) -> Self {
        Self { shared: Arc::new(Shared { config, ..Shared::default() }) }
    }

    /// Returns the limits.
    #[must_use]
    pub fn config(&self) -> &SocketsConfig {
        &self.shared.config
    }

    /// Returns how many connections are open.
    #[must_use]
    pub fn open(&self) -> usize {
        self.shared.slots.open()
    }

    /// Returns the token that is cancelled when the server drains.
    #[must_use]
    pub fn draining(&self) -> &CancellationToken {
        &self.shared.drain
    }

    /// Accepts a WebSocket and runs `handler` on it until it returns; `name` is its route in spans and metrics.
    ///
    /// Over the limit of connections the answer is 503 ([`Code::Unavailable`]), while draining 503
    /// ([`Code::Draining`]), both before the upgrade.
    pub fn serve<H, Fut>(&self, upgrade: impl Into<Upgrade>, name: &'static str, handler: H) -> Response
    where
        H: FnOnce(Socket) -> Fut + Send + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        let slot = match self.admit() {
            Ok(slot) => slot,
            Err(err) => {
                metrics::counter!("maily_socket_refused_total", "socket" => name).increment(1);
                return Respond.respond(&err).map(axum::body::Body::new).into_response();
            }
        };
        let manager = self.clone();
        let limit = self.shared.config.max_frame_bytes;
        let Upgrade(upgrade) = upgrade.into();
        upgrade
            .max_message_size(limit)
            .max_frame_size(limit)
            .on_failed_upgrade(move |err| tracing::debug!(%err, socket = name, "upgrade failed"))
            .on_upgrade(move |wire| async move { manager.run(Box::new(wire), slot, name, handler).await })
    }

    /// Closes all connections with 1001, refuses new ones, and waits until every handler has returned.
    ///
    /// A handler may finish what it has begun, see [`Socket::recv_while_draining`]. Handlers that still run after
    /// [`drain_timeout_ms`](SocketsConfig::drain_timeout_ms) are dropped, and their connections closed with 1001.
    ///
    /// # Cancellation
    ///
    /// Dropping the future does not stop the drain; a second call waits for the same one.
    pub async fn drain(&self) {
        self.shared.drain.cancel();
        let timeout = Duration::from_millis(self.shared.config.drain_timeout_ms);
        if tokio::time::timeout(timeout, self.shared.slots.empty()).await.is_err() {
            tracing::warn!(open = self.open(), "connections did not end in time");
            self.shared.kill.cancel();
            self.shared.slots.empty().await;
        }
    }

    pub(crate) fn admit(&self) -> Result<Slot, Error> {
        if self.shared.drain.is_cancelled() {
            return Err(Error::from(Code::Draining).with_operation("sockets::serve"));
        }
        self.shared.slots.take(self.shared.config.max_connections)
    }

    pub(crate) async fn run<H, Fut>(&self, wire: Box<dyn Wire>, slot: Slot, name: &'static str, handler: H)
    where
        H: FnOnce(Socket) -> Fut,
        Fut: Future<Output = ()>,
    {
        let id = self.shared.next.fetch_add(1, Ordering::Relaxed);
        let span = tracing::info_span!("socket", socket = name, id);
        self.connection(wire, name, handler).instrument(span).await;
        drop(slot);
    }

    async fn connection<H, Fut>(&self, wire: Box<dyn Wire>, name: &'static str, handler: H)
    where
        H: FnOnce(Socket) -> Fut,
        Fut: Future<Output = ()>,
    {
        let since = Instant::now();
        metrics::gauge!("maily_socket_open", "socket" => name).increment(1);
        let Shared { config, drain, kill, .. } = &*self.shared;
        let (sender, remains) = oneshot::channel();
        let socket = Socket::new(wire, name, config.clone(), drain.clone(), sender);

        // A socket that was dropped says how it wants to be closed, a panicked handler included.
        let panicked = tokio::select! {
            done = AssertUnwindSafe(handler(socket)).catch_unwind() => done.is_err(),
            () = kill.cancelled() => false,
        };
        if let Ok(Remains { wire, mut close }) = remains.await {
            if panicked {
                tracing::error!("handler panicked");
                close = Some((1011, "unexpected error"));
            } else if drain.is_cancelled() && close.is_some_and(|(code, _)| code == 1000) {
                close = Some((1001, "the server is shutting down"));
            }
            let patience = Duration::from_millis(config.drain_timeout_ms.min(FAREWELL_MS));
            tokio::select! {
                // A connection whose handler was dropped is told so too, if it takes the frame at once.
                biased;
                () = farewell::close(Remains { wire, close }, patience) => {}
                () = kill.cancelled() => {}
            }
        }
        metrics::gauge!("maily_socket_open", "socket" => name).decrement(1);
        metrics::histogram!("maily_socket_seconds", "socket" => name).record(since.elapsed().as_secs_f64());
        tracing::debug!("closed");
    }
}

/// Longest wait for the peer's close frame, in milliseconds.
const FAREWELL_MS: u64 = 2_000;
