//! One connection manager for every WebSocket of a server.
//!
//! Each route hands its upgrade to [`Sockets::serve`]; the manager counts the connection, limits it, keeps it
//! alive, traces it, and closes it in order when the server drains.
//!
//! # Differences from `axum::extract::ws`
//!
//! - A peer that is silent for [`idle_timeout_ms`](SocketsConfig::idle_timeout_ms) is closed; it is asked by a ping
//!   every [`ping_interval_ms`](SocketsConfig::ping_interval_ms).
//! - A request without an upgrade is answered with a problem document; see [`Upgrade`].
//! - A message that cannot be read is answered with a catalogued error, and the socket stays open.
//! - A handler that returns or panics still ends with a close frame: 1000, 1001 (draining), 1002 (no WebSocket
//!   frame), 1007 (text that is no UTF-8), 1008 (too much nonsense), 1009 (frame too large) or 1011 (defect).
//!
//! # Examples
//!
//! ```
//! use axum::routing::get;
//! use maily_serve_ws::{Sockets, Upgrade};
//!
//! let sockets = Sockets::default();
//! let echo = sockets.clone();
//! let router: axum::Router = axum::Router::new().route(
//!     "/echo",
//!     get(async move |upgrade: Upgrade| {
//!         echo.serve(upgrade, "echo", async |mut socket| {
//!             while let Some(message) = socket.recv().await {
//!                 let sent = match message {
//!                     Ok(message) => socket.send(message).await,
//!                     Err(err) => socket.send_error(&err).await,
//!                 };
//!                 if sent.is_err() {
//!                     break;
//!                 }
//!             }
//!         })
//!     }),
//! );
//! assert_eq!(sockets.open(), 0);
//! # drop(router);
//! ```

mod config;
mod farewell;
mod manager;
mod slot;
mod socket;
#[cfg(test)]
mod tests;
mod upgrade;

pub use self::config::SocketsConfig;
pub use self::manager::Sockets;
pub use self::socket::{Message, Socket};
pub use self::upgrade::Upgrade;
