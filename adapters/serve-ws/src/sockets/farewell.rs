//! How a connection ends: with which close frame, and how it is said.

use std::time::Duration;

use axum::extract::ws::{self, CloseFrame, Utf8Bytes};
use futures_util::{SinkExt, StreamExt};

use super::socket::Wire;

/// What is left of a socket when its handler has ended: the manager closes it.
pub(crate) struct Remains {
    pub(crate) wire: Box<dyn Wire>,
    /// `None` when the peer has closed, or the connection is broken.
    pub(crate) close: Option<(u16, &'static str)>,
}

/// Says goodbye; gives up when the peer takes nothing.
pub(crate) async fn close(mut remains: Remains, timeout: Duration) {
    if let Some((code, reason)) = remains.close {
        let frame = ws::Message::Close(Some(CloseFrame { code, reason: Utf8Bytes::from_static(reason) }));
        let farewell = async {
            remains.wire.send(frame).await?;
            // The peer's own close frame, so that it has read ours before the connection goes away.
            while let Some(Ok(_)) = remains.wire.next().await {}
            Ok::<_, axum::Error>(())
        };
        let _ = tokio::time::timeout(timeout, farewell).await;
    }
}

/// What the peer did wrong (RFC 6455, section 7.4.1); `None` when the connection is gone.
pub(crate) fn wrong(err: &axum::Error) -> Option<(u16, &'static str)> {
    use tokio_tungstenite::tungstenite::Error as WireError;
    use tokio_tungstenite::tungstenite::error::ProtocolError;

    let mut source: Option<&(dyn std::error::Error + 'static)> = Some(err);
    while let Some(err) = source {
        match err.downcast_ref::<WireError>() {
            None => source = err.source(),
            Some(WireError::Capacity(_)) => return Some((1009, "the message is too large")),
            Some(WireError::Utf8(_)) => return Some((1007, "the text is not utf-8")),
            Some(WireError::Protocol(ProtocolError::ResetWithoutClosingHandshake)) => return None,
            Some(WireError::Protocol(_)) => return Some((1002, "protocol error")),
            Some(_) => return None,
        }
    }
    None
}
