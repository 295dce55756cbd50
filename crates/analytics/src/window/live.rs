//! Windows that many can watch.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use maily_errors::Result;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use uuid::Uuid;

use super::{Epoch, Snapshot, Update, Windows};
use crate::config::WindowsConfig;
use crate::model::{CampaignId, Seq, Stored};

/// Live windows with their updates. Clones share one state.
///
/// Watchers pull: the newest updates stand in one ring, and a watcher that falls out of it gets a snapshot. So
/// a slow watcher costs no memory, and no watcher ever sees a gap.
#[derive(Clone, Debug)]
pub struct Live {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    newest: watch::Sender<Seq>,
}

#[derive(Debug)]
struct State {
    epoch: Epoch,
    windows: Windows,
    ring: VecDeque<Update>,
    history: usize,
    seq: Seq,
    /// Up to where the event log was read.
    read: Seq,
}

/// Where a watcher stopped.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Cursor {
    /// The number of the last update that it saw.
    pub after: Seq,
    /// The run that the number belongs to. Without it the current run is meant.
    #[serde(default)]
    pub epoch: Option<Epoch>,
}

/// What a watcher receives, as it stands on the wire.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[non_exhaustive]
#[serde(rename_all = "snake_case", tag = "type")]
pub enum LiveMessage {
    /// Everything: at the start, and whenever updates in between are no longer there.
    Snapshot(Snapshot),
    /// One change; its number is the one after the last.
    Update(Box<Update>),
}

/// A watcher of [`Live`].
#[derive(Debug)]
pub struct Subscription {
    shared: Arc<Shared>,
    newest: watch::Receiver<Seq>,
    /// The last number that was seen; nothing when a snapshot is due.
    seen: Option<Seq>,
}

// === impl Live ===

impl Live {
    /// Creates windows without events.
    ///
    /// # Errors
    ///
    /// [`Code::Invalid`](maily_errors::Code::Invalid) when a setting is out of its range.
    pub fn new(config: &WindowsConfig) -> Result<Self> {
        let state = State {
            epoch: Epoch(Uuid::new_v4()),
            windows: Windows::new(config)?,
            ring: VecDeque::new(),
            history: config.history,
            seq: Seq(0),
            read: Seq(0),
        };
        let shared = Shared { state: Mutex::new(state), newest: watch::Sender::new(Seq(0)) };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// Counts what stands in the log, in its order. What was counted before is skipped.
    ///
    /// A window that several of the events change gets one update.
    pub fn apply(&self, events: &[Stored]) {
        let mut state = self.shared.state.lock();
        let mut changed = BTreeSet::new();
        for stored in events {
            if stored.seq > state.read {
                state.windows.apply(&stored.event, &mut changed);
                state.read = stored.seq;
            }
        }
        for key in changed {
            let Some(window) = state.windows.revise(&key) else { continue };
            state.seq = state.seq.next();
            let update = Update { seq: state.seq, window };
            state.ring.push_back(update);
            if state.ring.len() > state.history {
                state.ring.pop_front();
            }
        }
        let seq = state.seq;
        drop(state);
        self.shared.newest.send_if_modified(|newest| std::mem::replace(newest, seq) != seq);
    }

    /// Returns up to where the event log was counted.
    #[must_use]
    pub fn read(&self) -> Seq {
        self.shared.state.lock().read
    }

    /// Returns all windows, or those of one campaign.
    #[must_use]
    pub fn snapshot(&self, campaign: Option<&CampaignId>) -> Snapshot {
        let mut snapshot = self.shared.state.lock().snapshot();
        if campaign.is_some() {
            snapshot.windows.retain(|window| window.campaign.as_ref() == campaign);
        }
        snapshot
    }

    /// Begins to watch, after the cursor if its updates are still there, else with a snapshot.
    #[must_use]
    pub fn subscribe(&self, cursor: Option<Cursor>) -> Subscription {
        let state = self.shared.state.lock();
        let known = |cursor: &Cursor| {
            cursor.epoch.is_none_or(|epoch| epoch == state.epoch) && cursor.after <= state.seq
        };
        let seen = cursor.filter(known).map(|cursor| cursor.after);
        drop(state);
        Subscription { shared: self.shared.clone(), newest: self.shared.newest.subscribe(), seen }
    }
}

// === impl State ===

impl State {
    fn snapshot(&self) -> Snapshot {
        Snapshot {
            epoch: self.epoch,
            seq: self.seq,
            watermark: self.windows.watermark(),
            too_late: self.windows.too_late(),
            windows: self.windows.iter().collect(),
        }
    }

    fn after(&self, seen: Option<Seq>) -> Option<LiveMessage> {
        let snapshot = || Some(LiveMessage::Snapshot(self.snapshot()));
        let Some(seen) = seen else { return snapshot() };
        if seen == self.seq {
            return None;
        }
        let Some(first) = self.ring.front().map(|update| update.seq) else { return snapshot() };
        // The ring has no gaps, so the next update stands at a known place or is gone.
        let place = seen.next().0.checked_sub(first.0).and_then(|place| usize::try_from(place).ok());
        match place.and_then(|place| self.ring.get(place)) {
            Some(update) => Some(LiveMessage::Update(Box::new(update.clone()))),
            None => snapshot(),
        }
    }
}

// === impl Subscription ===

impl Subscription {
    /// Waits for the next message. Answers nothing when the windows are gone.
    ///
    /// # Cancellation
    ///
    /// Dropping the future loses nothing: the next call answers what this one would have.
    pub async fn next(&mut self) -> Option<LiveMessage> {
        loop {
            // Marked before looking, so that an update in between wakes the wait below.
            self.newest.borrow_and_update();
            let message = self.shared.state.lock().after(self.seen);
            if let Some(message) = message {
                self.seen = Some(message.seq());
                return Some(message);
            }
            self.newest.changed().await.ok()?;
        }
    }
}

impl LiveMessage {
    /// Returns the number up to which a watcher knows everything after this message.
    #[must_use]
    pub const fn seq(&self) -> Seq {
        match self {
            Self::Snapshot(snapshot) => snapshot.seq,
            Self::Update(update) => update.seq,
        }
    }
}
