//! One WebSocket, as a handler sees it.

use std::future::poll_fn;
use std::pin::Pin;
use std::time::Duration;

use axum::extract::ws::{self, Utf8Bytes};
use bytes::Bytes;
use futures_util::{Sink, SinkExt, Stream, StreamExt};
use maily_errors::{Code, Error, Problem, Public};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::oneshot;
use tokio::time::{Instant, Interval, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

use super::SocketsConfig;
use super::farewell::{Remains, wrong};

/// A message of a peer. Pings, pongs and closes stay inside the manager.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Message {
    /// Bytes.
    Binary(Bytes),
    /// UTF-8 text.
    Text(Utf8Bytes),
}

impl Message {
    /// Returns the length in bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Binary(bytes) => bytes.len(),
            Self::Text(text) => text.len(),
        }
    }

    /// Returns whether there is no byte in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// What a connection runs on: a WebSocket, or two channels in a test.
pub(crate) trait Wire:
    Stream<Item = Result<ws::Message, axum::Error>> + Sink<ws::Message, Error = axum::Error> + Send + Unpin
{
}

impl<T> Wire for T where
    T: Stream<Item = Result<ws::Message, axum::Error>>
        + Sink<ws::Message, Error = axum::Error>
        + Send
        + Unpin
{
}

/// One open WebSocket.
///
/// Dropping it closes the connection in order: the manager sends the close frame.
pub struct Socket {
    /// `None` only while it is dropped.
    wire: Option<Box<dyn Wire>>,
    remains: Option<oneshot::Sender<Remains>>,
    close: Option<(u16, &'static str)>,
    ended: bool,
    nonsense: u32,
    heard: Instant,
    /// How much was fed since the last flush.
    unsent: usize,
    ping: Interval,
    config: SocketsConfig,
    drain: CancellationToken,
    name: &'static str,
}

impl Socket {
    pub(crate) fn new(
        wire: Box<dyn Wire>,
        name: &'static str,
        config: SocketsConfig,
        drain: CancellationToken,
        remains: oneshot::Sender<Remains>,
    ) -> Self {
        let period = Duration::from_millis(config.ping_interval_ms.max(1));
        let mut ping = tokio::time::interval_at(Instant::now() + period, period);
        ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self {
            wire: Some(wire),
            remains: Some(remains),
            close: Some((1000, "")),
            ended: false,
            nonsense: 0,
            heard: Instant::now(),
            unsent: 0,
            ping,
            config,
            drain,
            name,
        }
    }

    /// Waits for the next message; `None` when the connection has ended or the server drains.
    ///
    /// # Errors
    ///
    /// - [`Code::FrameTooLarge`] when a message is over the limit; the connection ends after it.
    ///
    /// # Cancellation
    ///
    /// Dropping the future loses no message.
    pub async fn recv(&mut self) -> Option<Result<Message, Error>> {
        let drain = self.drain.clone();
        tokio::select! {
            message = self.recv_while_draining() => message,
            () = drain.cancelled() => {
                self.end(Some((1001, "the server is shutting down")));
                None
            }
        }
    }

    /// Waits for the next message, also while the server drains; `None` when the connection has ended.
    ///
    /// For a handler that finishes what was begun: it listens with this meanwhile, and with [`recv`](Self::recv)
    /// again when it is done.
    ///
    /// # Errors
    ///
    /// As [`recv`](Self::recv).
    ///
    /// # Cancellation
    ///
    /// Dropping the future loses no message.
    pub async fn recv_while_draining(&mut self) -> Option<Result<Message, Error>> {
        while !self.ended {
            let Self { wire, ping, .. } = self;
            let wire = wire.as_mut()?;
            tokio::select! {
                frame = wire.next() => match self.heard(frame)? {
                    None => {}
                    Some(message) => return Some(message),
                },
                _ = ping.tick() => {
                    if self.heard.elapsed() >= self.idle_timeout() {
                        tracing::debug!("peer is silent");
                        self.end(Some((1001, "idle")));
                    } else if self.write(ws::Message::Ping(Bytes::new())).await.is_err() {
                        self.end(None);
                    }
                }
            }
        }
        None
    }

    /// Waits for the next message and reads it as JSON; `None` when the connection has ended.
    ///
    /// A message that cannot be read is answered with [`Code::SocketMessage`] and skipped: the socket stays open.
    /// After [`max_nonsense`](SocketsConfig::max_nonsense) of them it is closed with 1008.
    ///
    /// # Cancellation
    ///
    /// Dropping the future loses no message.
    pub async fn recv_json<T: DeserializeOwned>(&mut self) -> Option<T> {
        loop {
            let err = match self.recv().await? {
                Err(err) => err,
                Ok(message) => match decode(&message) {
                    Ok(value) => return Some(value),
                    Err(err) => err,
                },
            };
            if self.send_unread(&err).await.is_err() {
                return None;
            }
        }
    }

    /// Sends a message, and waits until the connection has taken it.
    ///
    /// # Errors
    ///
    /// - [`Code::FrameTooLarge`] when it is over [`max_outbound_bytes`](SocketsConfig::max_outbound_bytes).
    /// - [`Code::Canceled`] when the peer is gone, or too slow, as for [`flush`](Self::flush).
    pub async fn send(&mut self, message: Message) -> Result<(), Error> {
        self.feed(message).await?;
        self.flush().await
    }

    /// Takes a message without flushing: several small ones then leave in one system call.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    pub async fn feed(&mut self, message: Message) -> Result<(), Error> {
        let len = message.len();
        if len > self.config.max_outbound_bytes {
            return Err(Error::new(Code::FrameTooLarge, "the message to send is too large")
                .with_operation("socket::send")
                .with_context("bytes", len)
                .with_context("limit_bytes", self.config.max_outbound_bytes));
        }
        metrics::counter!("maily_socket_sent_bytes_total", "socket" => self.name).increment(len as u64);
        metrics::counter!("maily_socket_sent_total", "socket" => self.name).increment(1);
        let message = match message {
            Message::Binary(bytes) => ws::Message::Binary(bytes),
            Message::Text(text) => ws::Message::Text(text),
        };
        self.unsent = self.unsent.saturating_add(len);
        self.put(message).await
    }

    /// Waits until the connection has taken what was fed.
    ///
    /// # Errors
    ///
    /// - [`Code::Canceled`] when the peer is gone, or needs longer than the idle timeout and a second for each 64 KiB.
    pub async fn flush(&mut self) -> Result<(), Error> {
        let (begun, timeout) = (Instant::now(), self.patience());
        let wire = self.wire.as_mut().ok_or_else(gone)?;
        let flushed = tokio::time::timeout(timeout, wire.flush()).await;
        self.checked(flushed)?;
        self.unsent = 0;
        if begun.elapsed() >= self.ping.period() {
            // It has read meanwhile, and nobody has asked it or listened to it.
            self.heard = Instant::now();
        }
        Ok(())
    }

    /// Sends a value as one JSON text message.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    pub async fn send_json<T: Serialize + Sync>(&mut self, value: &T) -> Result<(), Error> {
        let text = serde_json::to_string(value).map_err(|err| {
            Error::new(Code::Unexpected, "the message cannot be written as json")
                .with_operation("socket::send_json")
                .with_source(err)
        })?;
        self.send(Message::Text(text.into())).await
    }

    /// Answers a message that cannot be read as [`send_error`](Self::send_error) does; after
    /// [`max_nonsense`](SocketsConfig::max_nonsense) of them it closes the connection.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    pub async fn send_unread(&mut self, err: &Error) -> Result<(), Error> {
        self.nonsense += 1;
        if self.nonsense > self.config.max_nonsense {
            self.end(Some((1008, "too many messages that cannot be read")));
            return Err(gone());
        }
        self.send_error(err).await
    }

    /// Answers with `{"type":"error","problem":{..}}`; what went wrong is not about whether the peer can be understood.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    pub async fn send_error(&mut self, err: &Error) -> Result<(), Error> {
        metrics::counter!("maily_socket_errors_total", "socket" => self.name, "code" => err.code().name())
            .increment(1);
        tracing::debug!(%err, "answered with an error");
        self.send_json(&serde_json::json!({ "type": "error", "problem": Problem::from(err) })).await
    }

    /// Ends the connection with this close code; later messages are not read.
    pub fn close(&mut self, code: u16, reason: &'static str) {
        self.end(Some((code, reason)));
    }

    /// Returns the token that is cancelled when the server drains.
    #[must_use]
    pub const fn draining(&self) -> &CancellationToken {
        &self.drain
    }

    fn heard(
        &mut self,
        frame: Option<Result<ws::Message, axum::Error>>,
    ) -> Option<Option<Result<Message, Error>>> {
        self.heard = Instant::now();
        let message = match frame {
            Some(Ok(ws::Message::Binary(bytes))) => Message::Binary(bytes),
            Some(Ok(ws::Message::Text(text))) => Message::Text(text),
            Some(Ok(ws::Message::Ping(_) | ws::Message::Pong(_))) => return Some(None),
            Some(Ok(ws::Message::Close(_))) | None => {
                self.end(None);
                return None;
            }
            Some(Err(err)) => {
                let close = wrong(&err);
                self.end(close);
                if let Some((1009, _)) = close {
                    return Some(Some(Err(Error::new(Code::FrameTooLarge, "the message is too large")
                        .with_operation("socket::recv")
                        .with_context("limit_bytes", Public(self.config.max_frame_bytes)))));
                }
                tracing::debug!(%err, ?close, "connection broke");
                return None;
            }
        };
        metrics::counter!("maily_socket_received_bytes_total", "socket" => self.name)
            .increment(message.len() as u64);
        metrics::counter!("maily_socket_received_total", "socket" => self.name).increment(1);
        Some(Some(Ok(message)))
    }

    async fn write(&mut self, message: ws::Message) -> Result<(), Error> {
        self.put(message).await?;
        self.flush().await
    }

    async fn put(&mut self, message: ws::Message) -> Result<(), Error> {
        if self.ended {
            return Err(gone());
        }
        let timeout = self.patience();
        let wire = self.wire.as_mut().ok_or_else(gone)?;
        let ready = tokio::time::timeout(timeout, poll_fn(|cx| Pin::new(&mut *wire).poll_ready(cx))).await;
        self.checked(ready)?;
        let wire = self.wire.as_mut().ok_or_else(gone)?;
        let sent = Pin::new(wire).start_send(message);
        self.checked(Ok(sent))
    }

    fn checked(
        &mut self,
        done: Result<Result<(), axum::Error>, tokio::time::error::Elapsed>,
    ) -> Result<(), Error> {
        match done {
            Ok(Ok(())) => Ok(()),
            Ok(Err(err)) => {
                self.end(None);
                Err(gone().with_source(err))
            }
            Err(_) => {
                self.end(None);
                Err(gone().with_context("waited_ms", self.config.idle_timeout_ms))
            }
        }
    }

    const fn end(&mut self, close: Option<(u16, &'static str)>) {
        if !self.ended {
            self.ended = true;
            self.close = close;
        }
    }

    /// How long the peer may need for what was fed.
    fn patience(&self) -> Duration {
        self.idle_timeout() + Duration::from_secs((self.unsent / SLOWEST) as u64)
    }

    const fn idle_timeout(&self) -> Duration {
        Duration::from_millis(self.config.idle_timeout_ms)
    }
}

impl std::fmt::Debug for Socket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Socket").field("name", &self.name).field("ended", &self.ended).finish_non_exhaustive()
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        if let (Some(wire), Some(remains)) = (self.wire.take(), self.remains.take()) {
            // The manager may be gone already: then there is nobody to close it, and dropping it is enough.
            let _ = remains.send(Remains { wire, close: self.close });
        }
    }
}

fn decode<T: DeserializeOwned>(message: &Message) -> Result<T, Error> {
    let bytes = match message {
        Message::Text(text) => text.as_str().as_bytes(),
        Message::Binary(bytes) => bytes,
    };
    serde_json::from_slice(bytes).map_err(|err| {
        Error::new(Code::SocketMessage, "the message is not the json that this socket expects")
            .with_operation("socket::recv_json")
            .with_context("line", Public(err.line()))
            .with_context("column", Public(err.column()))
            .with_source(err)
    })
}

/// How many bytes a second a peer takes at least.
const SLOWEST: usize = 64 * 1024;

fn gone() -> Error {
    Error::new(Code::Canceled, "the peer is gone").with_operation("socket::send")
}
