//! The request that becomes a WebSocket.

use axum::extract::FromRequestParts;
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::response::{IntoResponse, Response};
use http::HeaderValue;
use http::header::{CONNECTION, SEC_WEBSOCKET_VERSION, UPGRADE};
use http::request::Parts;
use maily_errors::{Code, Error, Public, Respond};

/// The extractor of every WebSocket route, to hand to [`Sockets::serve`](super::Sockets::serve).
///
/// A request that asks for no upgrade is answered with a problem document of [`Code::UpgradeRequired`]: 426 with
/// `Upgrade: websocket`, and `Sec-WebSocket-Version: 13` for one that speaks another version.
#[derive(Debug)]
pub struct Upgrade(pub(crate) WebSocketUpgrade);

impl From<WebSocketUpgrade> for Upgrade {
    fn from(upgrade: WebSocketUpgrade) -> Self {
        Self(upgrade)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Upgrade {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
        let upgrade = WebSocketUpgrade::from_request_parts(parts, state).await;
        upgrade.map(Self).map_err(|rejection| refuse(&rejection))
    }
}

fn refuse(rejection: &WebSocketUpgradeRejection) -> Response {
    let err = Error::new(Code::UpgradeRequired, "the request asks for no upgrade to websocket")
        .with_operation("sockets::upgrade")
        .with_context("reason", Public(rejection.body_text()));
    tracing::debug!(%err, "refused");
    let mut response = Respond.respond(&err).map(axum::body::Body::new).into_response();
    let headers = response.headers_mut();
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    // It belongs to this hop only, and says so (RFC 9110, section 7.8).
    headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    if matches!(rejection, WebSocketUpgradeRejection::InvalidWebSocketVersionHeader(_)) {
        headers.insert(SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
    }
    response
}
