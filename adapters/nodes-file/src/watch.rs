//! From what a file says to what has changed.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::time::Duration;

use futures_util::stream;
use maily_errors::{Code, Result};
use maily_mesh::source::Listed;
use maily_mesh::{NodeChange, NodeConfig, NodeSource, Origin};
use tokio::time::{Interval, MissedTickBehavior, interval};

use crate::read;

type Change = Result<NodeChange<NodeConfig>>;

/// What is known of a file.
struct Watched {
    path: PathBuf,
    ticks: Interval,
    /// What the last look found.
    found: Option<Result<Vec<u8>, Code>>,
    /// What the last changes came from.
    believed: Option<Result<Vec<u8>, Code>>,
    listed: Listed,
    changes: VecDeque<Change>,
}

/// Watches a file by looking at it: that works on every file system, network ones and mounted secrets included.
pub(crate) fn watch(path: PathBuf, every: Duration) -> impl NodeSource<NodeConfig> + use<> {
    let start = async move || {
        let mut ticks = interval(every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Watched {
            path,
            ticks,
            found: None,
            believed: None,
            listed: Listed::of(Origin::new("file")),
            changes: VecDeque::new(),
        }
    };
    stream::unfold((Some(start), None), async |(start, watched): (Option<_>, Option<Watched>)| {
        let mut watched = match (start, watched) {
            (_, Some(watched)) => watched,
            (Some(start), None) => start().await,
            (None, None) => return None,
        };
        let change = watched.next().await;
        Some((change, (None, Some(watched))))
    })
}

impl Watched {
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
        let read = read::bytes(&self.path).await;
        let found = Some(read.as_ref().map(Vec::clone).map_err(maily_errors::Error::code));
        // The first look is believed; each later one when the next one finds the same.
        let is_settled = self.believed.is_none() || found == self.found;
        self.found.clone_from(&found);
        if !is_settled || found == self.believed {
            return;
        }
        self.believed = found;
        let nodes = read.and_then(|bytes| read::nodes(&self.path, &bytes));
        match nodes.and_then(|nodes| self.listed.update(nodes)) {
            Ok(changes) => self.changes.extend(changes.into_iter().map(Ok)),
            Err(err) => self.changes.push_back(Err(err)),
        }
    }
}
