//! Live windows over a WebSocket.
//!
//! `GET /v1/analytics/live` sends JSON text messages:
//!
//! | message | when |
//! |---|---|
//! | `{"type":"snapshot","epoch":..,"seq":N,"watermark":..,"windows":[..]}` | first, and whenever updates in between are gone |
//! | `{"type":"update","seq":N+1,"window":{..}}` | for each change; numbers have no gap |
//! | `{"type":"error","problem":{..}}` | in answer to a message: this socket only speaks |
//!
//! Every window carries its rates with their confidence band (`value`, `low`, `high`, `level`, `of`). A client that
//! was cut off asks again with `?after=SEQ&epoch=EPOCH` and goes on behind `SEQ`.

use axum::Router;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use maily_analytics::Analytics;
use maily_analytics::model::Seq;
use maily_analytics::window::{Cursor, Epoch, Subscription};
use maily_errors::{Code, Error, Respond};
use serde::Deserialize;

use crate::{Socket, Sockets, Upgrade};

/// Makes the route of the live windows.
pub fn router(analytics: Analytics, sockets: Sockets) -> Router {
    Router::new().route("/v1/analytics/live", get(live)).with_state(Live { analytics, sockets })
}

#[derive(Clone)]
struct Live {
    analytics: Analytics,
    sockets: Sockets,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Resume {
    after: Option<Seq>,
    epoch: Option<Epoch>,
}

impl Resume {
    fn cursor(&self) -> Option<Cursor> {
        self.after.map(|after| Cursor { after, epoch: self.epoch })
    }
}

async fn live(
    State(live): State<Live>,
    upgrade: Upgrade,
    resume: Result<Query<Resume>, axum::extract::rejection::QueryRejection>,
) -> Response {
    match resume {
        Ok(Query(resume)) => {
            let subscription = live.analytics.subscribe(resume.cursor());
            live.sockets.serve(upgrade, "analytics", |socket| watch(socket, subscription))
        }
        Err(err) => {
            let err = Error::new(Code::Invalid, "`after` is a number, `epoch` the one of the snapshot")
                .with_operation("serve_ws::analytics")
                .with_source(err);
            Respond.respond(&err).map(axum::body::Body::new).into_response()
        }
    }
}

/// Sends what the subscription has, until one of the two ends.
///
/// Nothing waits in memory for a slow client: it pulls the next update when the last one has left, and gets a
/// snapshot when it was too slow.
async fn watch(mut socket: Socket, mut subscription: Subscription) {
    loop {
        let sent = tokio::select! {
            message = subscription.next() => match message {
                Some(message) => socket.send_json(&message).await,
                None => return,
            },
            heard = socket.recv() => match heard {
                Some(Ok(_)) => socket.send_unread(&talked()).await,
                Some(Err(err)) => socket.send_unread(&err).await,
                None => return,
            },
        };
        if sent.is_err() {
            return;
        }
    }
}

fn talked() -> Error {
    Error::new(Code::SocketMessage, "this socket only speaks").with_operation("serve_ws::analytics")
}
