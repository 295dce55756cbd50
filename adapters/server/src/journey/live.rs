//! The journey as it happens, for whoever watches.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use axum::routing::get;
use maily_serve_ws::{Socket, Sockets, Upgrade};
use parking_lot::Mutex;
use serde::Serialize;
use serde_json::Value;
use tokio::sync::broadcast::{self, error::RecvError};

/// A stage of the journey.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Step {
    /// Two people edit one canvas.
    Canvas,
    /// The mesh drafts into it.
    Mesh,
    /// Subject lines are scored, one is recommended, its outcome recorded.
    Analytics,
    /// The canvas becomes a message.
    Export,
    /// The message is certified and anchored.
    Trust,
    /// The message and three altered copies are verified.
    Verify,
}

/// How far a stage is.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum State {
    /// It ended as it should.
    Done,
    /// It ended with an error.
    Failed,
    /// It is under way.
    Running,
}

/// What a watcher is told.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Update {
    /// Grows by one with each update.
    pub seq: u64,
    /// Which stage.
    pub step: Step,
    /// How far it is.
    pub state: State,
    /// The stage in a few words.
    pub title: &'static str,
    /// What came out so far.
    pub detail: String,
    /// Milliseconds since the stage began.
    pub elapsed_ms: u64,
    /// Values to draw: scores, verdicts, the draft.
    #[serde(skip_serializing_if = "Value::is_null")]
    pub data: Value,
}

/// Tells watchers how the journey goes; one that comes late gets the last word of each stage first.
#[derive(Clone, Debug)]
pub struct Live {
    state: Arc<Mutex<Latest>>,
    sender: broadcast::Sender<Update>,
}

#[derive(Debug, Default)]
struct Latest {
    seq: u64,
    by_step: BTreeMap<Step, Update>,
}

impl Default for Live {
    fn default() -> Self {
        Self { state: Arc::default(), sender: broadcast::channel(BACKLOG).0 }
    }
}

impl Live {
    /// Tells every watcher.
    pub(crate) fn tell(&self, mut update: Update) {
        let mut latest = self.state.lock();
        latest.seq += 1;
        update.seq = latest.seq;
        latest.by_step.insert(update.step, update.clone());
        // Nobody watching is fine. Sent under the lock, so that a newcomer misses nothing and sees nothing twice.
        let _ = self.sender.send(update);
    }

    fn watch(&self) -> (Vec<Update>, broadcast::Receiver<Update>) {
        let latest = self.state.lock();
        (latest.by_step.values().cloned().collect(), self.sender.subscribe())
    }

    /// The WebSocket that the console watches: `GET /v1/journey/live`.
    pub fn router(self, sockets: Sockets) -> Router {
        let watch =
            async move |upgrade: Upgrade| sockets.serve(upgrade, "journey", move |socket| self.show(socket));
        Router::new().route("/v1/journey/live", get(watch))
    }

    async fn show(self, mut socket: Socket) {
        let (past, mut coming) = self.watch();
        for update in past {
            if socket.send_json(&update).await.is_err() {
                return;
            }
        }
        loop {
            let update = tokio::select! {
                update = coming.recv() => update,
                // Watchers have nothing to say; reading notices that they left.
                message = socket.recv() => match message {
                    Some(_) => continue,
                    None => return,
                },
            };
            match update {
                Ok(update) if socket.send_json(&update).await.is_ok() => {}
                Err(RecvError::Lagged(_)) => {}
                _ => return,
            }
        }
    }
}

/// How many updates a slow watcher may be behind before it misses some; the last of each stage always comes.
const BACKLOG: usize = 1024;
