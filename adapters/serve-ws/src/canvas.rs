//! Canvas documents over WebSocket: `GET /v1/canvas/sync/{document}`.
//!
//! An unmodified `y-websocket` provider connects with `ws://HOST/v1/canvas/sync` as its URL and the document as its
//! room. A key comes as `Authorization: Bearer KEY`, or as `?key=KEY` from a browser, which cannot set headers.
//!
//! Frames are binary. A frame that cannot be read is answered with a text frame that holds the problem, and the
//! socket stays open. When the room ends a session, the socket is closed with 1013 (try again later) after a
//! temporary failure, with 1008 otherwise; a provider then connects again and sends what is missing.
//!
//! # Examples
//!
//! ```
//! use maily_canvas::Canvas;
//! use maily_serve_ws::{Sockets, canvas};
//!
//! let router: axum::Router = canvas::router(Canvas::in_memory(), Sockets::default());
//! # drop(router);
//! ```

use axum::Router;
use axum::extract::{Path, Query};
use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use maily_canvas::model::Caller;
use maily_canvas::{DocumentName, Join, Session};
use maily_errors::{Code, Error, Respond};
use serde::Deserialize;
use tower::ServiceExt;
use tower_service::Service;

use crate::{Message, Socket, Sockets, Upgrade};

#[derive(Deserialize)]
struct Parameters {
    key: Option<String>,
}

/// Serves the documents of a canvas, or of a stack of layers around one.
pub fn router<S>(canvas: S, sockets: Sockets) -> Router
where
    S: Service<Join, Response = Session, Error = Error> + Clone + Send + Sync + 'static,
    S::Future: Send,
{
    let handler = async move |upgrade: Upgrade,
                              Path(document): Path<String>,
                              Query(parameters): Query<Parameters>,
                              headers: HeaderMap| {
        let caller = caller(&headers, parameters);
        match join(canvas, &document, caller).await {
            Ok(session) => sockets.serve(upgrade, "canvas", move |socket| serve(socket, session)),
            Err(err) => refuse(&err),
        }
    };
    Router::new().route("/v1/canvas/sync/{document}", get(handler))
}

async fn join<S>(canvas: S, document: &str, caller: Caller) -> Result<Session, Error>
where
    S: Service<Join, Response = Session, Error = Error>,
{
    let document: DocumentName = document.parse()?;
    // The document is loaded before the upgrade: one that cannot be loaded is an HTTP error.
    canvas.oneshot(Join::new(document, caller)).await
}

fn caller(headers: &HeaderMap, parameters: Parameters) -> Caller {
    let bearer = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
    match bearer.map(str::to_owned).or(parameters.key) {
        Some(key) => Caller::with_key(key.into()),
        None => Caller::default(),
    }
}

fn refuse(err: &Error) -> Response {
    tracing::info!(%err, "refused");
    Respond.respond(err).map(axum::body::Body::new).into_response()
}

/// Carries frames both ways until one side ends.
async fn serve(mut socket: Socket, session: Session) {
    loop {
        let result = tokio::select! {
            message = socket.recv() => match message {
                None => return,
                Some(Err(err)) => Err(err),
                Some(Ok(Message::Binary(frame))) => session.send(frame).await,
                Some(Ok(Message::Text(_))) => {
                    Err(Error::new(Code::FrameMalformed, "frames are binary").with_operation("canvas::serve"))
                }
            },
            frame = session.recv() => match frame {
                None => return,
                Some(Err(reason)) => return end(&mut socket, &reason).await,
                Some(Ok(frame)) => {
                    if forward(&mut socket, &session, frame).await.is_err() {
                        return;
                    }
                    Ok(())
                }
            },
        };
        match result {
            Ok(()) => {}
            // The room has ended; the session says why.
            Err(err) if err.code() == Code::Unavailable => {
                let reason = session.recv().await.and_then(Result::err).unwrap_or(err);
                return end(&mut socket, &reason).await;
            }
            Err(err) => {
                if socket.send_unread(&err).await.is_err() {
                    return;
                }
            }
        }
    }
}

/// Sends a frame and those that wait behind it, and flushes once.
async fn forward(socket: &mut Socket, session: &Session, frame: bytes::Bytes) -> Result<(), Error> {
    let mut next = Some(frame);
    let mut burst = 0;
    while let Some(frame) = next {
        socket.feed(Message::Binary(frame)).await?;
        burst += 1;
        // Now and then the other direction has its turn.
        next = if burst < BURST { session.try_recv() } else { None };
    }
    socket.flush().await
}

async fn end(socket: &mut Socket, reason: &Error) {
    // If the peer is gone already, there is nobody to tell.
    let _ = socket.send_error(reason).await;
    match reason.is_temporary() {
        true => socket.close(1013, "try again later"),
        false => socket.close(1008, reason.code().name()),
    }
}

/// Most frames that leave before the other direction is looked at.
const BURST: usize = 256;
