//! From what a value says to what has changed.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use maily_errors::{Code, Error, Result};
use maily_mesh::source::Listed;
use maily_mesh::{NodeChange, NodeConfig, NodeSource, Origin};
use maily_redis::{Key, Store};
use tokio::time::{Interval, MissedTickBehavior, interval};

use crate::list;

type Change = Result<NodeChange<NodeConfig>>;

struct Watched<S> {
    store: S,
    key: Key,
    ticks: Interval,
    /// What the last look found: a value, or the reason why there is none.
    found: Option<Result<Bytes, Code>>,
    listed: Listed,
    changes: VecDeque<Change>,
}

/// Watches a value by reading it: that works with every store, and finds out by itself that one is back.
pub(crate) fn watch<S: Store>(store: S, key: Key, every: Duration) -> impl NodeSource<NodeConfig> + use<S> {
    stream::unfold(None, move |watched: Option<Watched<S>>| {
        let (store, key) = (store.clone(), key.clone());
        async move {
            // Not before somebody listens: a timer needs a runtime.
            let mut watched = watched.unwrap_or_else(|| Watched::new(store, key, every));
            let change = watched.next().await;
            Some((change, Some(watched)))
        }
    })
}

impl<S: Store> Watched<S> {
    fn new(store: S, key: Key, every: Duration) -> Self {
        let mut ticks = interval(every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self {
            store,
            key,
            ticks,
            found: None,
            listed: Listed::of(Origin::new("redis")),
            changes: VecDeque::new(),
        }
    }

    async fn next(&mut self) -> Change {
        loop {
            if let Some(change) = self.changes.pop_front() {
                return change;
            }
            self.ticks.tick().await;
            self.look().await;
        }
    }

    async fn look(&mut self) {
        let value = self.store.get(&self.key).await.and_then(|value| value.ok_or_else(missing));
        let found = Some(value.as_ref().map(Bytes::clone).map_err(Error::code));
        if found == self.found {
            return;
        }
        self.found = found;
        let nodes = value.and_then(|value| list::read(&value));
        match nodes.and_then(|nodes| self.listed.update(nodes)) {
            Ok(changes) => self.changes.extend(changes.into_iter().map(Ok)),
            Err(err) => self.changes.push_back(Err(err)),
        }
    }
}

/// A store that was emptied does not mean that there are no nodes.
fn missing() -> Error {
    Error::new(Code::ConfigUnreadable, "there is no list of nodes").with_operation("nodes_redis::watch")
}
