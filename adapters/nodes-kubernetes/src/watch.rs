//! List, then watch from the version of the list; again from the last version when the watch ends.
//!
//! The protocol is that of <https://kubernetes.io/docs/reference/using-api/api-concepts/>, "Efficient detection of changes".

use std::collections::VecDeque;
use std::time::Duration;

use futures_util::stream;
use http::StatusCode;
use maily_errors::{Code, Result};
use maily_mesh::source::Listed;
use maily_mesh::{NodeChange, NodeConfig, NodeSource, Origin};
use tokio::time::{Instant, sleep_until, timeout};

use crate::client::{self, Answer};
use crate::cluster::Cluster;
use crate::error;
use crate::lines::Lines;
use crate::slices::{Said, Slices, Template};

type Change = Result<NodeChange<NodeConfig>>;

struct Watched {
    cluster: Cluster,
    path: String,
    template: Template,
    slices: Slices,
    /// What is known of the slices; without one they are listed first.
    version: Option<String>,
    open: Option<Watch>,
    listed: Listed,
    changes: VecDeque<Change>,
    /// When to ask again, and how long to wait the next time that fails.
    next: Instant,
    pause: Duration,
    /// Why nothing is known; said once.
    said: Option<Code>,
}

/// A watch that is open.
struct Watch {
    answer: Answer,
    lines: Lines,
}

pub(crate) fn watch(
    cluster: Cluster,
    path: String,
    template: Template,
) -> impl NodeSource<NodeConfig> + use<> {
    // Not before somebody listens: a clock needs a runtime.
    stream::unfold((Some((cluster, path, template)), None), async |(settings, watched)| {
        let mut watched = match (watched, settings) {
            (Some(watched), _) => watched,
            (None, Some((cluster, path, template))) => Watched::new(cluster, path, template),
            (None, None) => return None,
        };
        let change = watched.next().await;
        Some((change, (None, Some(watched))))
    })
}

impl Watched {
    fn new(cluster: Cluster, path: String, template: Template) -> Self {
        Self {
            cluster,
            path,
            template,
            slices: Slices::default(),
            version: None,
            open: None,
            listed: Listed::of(Origin::new("kubernetes")),
            changes: VecDeque::new(),
            next: Instant::now(),
            pause: LEAST_PAUSE,
            said: None,
        }
    }

    async fn next(&mut self) -> Change {
        loop {
            if let Some(change) = self.changes.pop_front() {
                return change;
            }
            match self.step().await {
                Ok(()) => {}
                Err(err) => {
                    self.open = None;
                    // Spread, so that not all instances come back in one moment.
                    self.next = Instant::now() + self.pause.mul_f64(rand::random_range(0.8..1.2));
                    self.pause = (self.pause * 2).min(MOST_PAUSE);
                    if self.said.replace(err.code()) != Some(err.code()) {
                        return Err(err);
                    }
                }
            }
        }
    }

    /// Does one thing: lists, opens a watch, or reads a line of it.
    async fn step(&mut self) -> Result<()> {
        let Some(watch) = &mut self.open else {
            sleep_until(self.next).await;
            return match self.version.clone() {
                None => self.list().await,
                Some(version) => self.open(&version).await,
            };
        };
        if let Some(line) = watch.lines.next()? {
            return self.hear(&line);
        }
        let piece = timeout(SILENCE, watch.answer.piece()).await;
        match piece.map_err(|_| error::unreachable("the watch is silent"))?? {
            Some(piece) => {
                watch.lines.push(&piece);
                self.is_well();
            }
            // The server ends each watch after a while, and it goes on where it was.
            None => self.open = None,
        }
        Ok(())
    }

    async fn list(&mut self) -> Result<()> {
        let (status, answer) = client::get(&self.cluster, &self.path).await?;
        if !status.is_success() {
            return Err(error::refused(status));
        }
        let version = self.slices.replace(&answer.whole().await?)?;
        self.version = Some(version);
        self.is_well();
        self.tell();
        Ok(())
    }

    async fn open(&mut self, version: &str) -> Result<()> {
        // A server that ends a watch at once is not asked more often than this.
        self.next = Instant::now() + LEAST_PAUSE;
        let seconds = WATCH.as_secs();
        let path = format!(
            "{}&watch=true&allowWatchBookmarks=true&timeoutSeconds={seconds}&resourceVersion={version}",
            self.path
        );
        match client::get(&self.cluster, &path).await? {
            (StatusCode::GONE, _) => self.version = None,
            (status, answer) if status.is_success() => {
                self.open = Some(Watch { answer, lines: Lines::default() });
            }
            (status, _) => return Err(error::refused(status)),
        }
        Ok(())
    }

    fn hear(&mut self, line: &[u8]) -> Result<()> {
        match self.slices.change(line)? {
            Said::Version(version) if version.is_empty() => {
                return Err(error::malformed("a line has no version"));
            }
            Said::Version(version) => self.version = Some(version),
            Said::Expired => (self.version, self.open) = (None, None),
        }
        self.tell();
        Ok(())
    }

    /// Says what has changed, if anything.
    fn tell(&mut self) {
        match self.listed.update(self.slices.nodes(&self.template)) {
            Ok(changes) => self.changes.extend(changes.into_iter().map(Ok)),
            Err(err) => self.changes.push_back(Err(err)),
        }
    }

    fn is_well(&mut self) {
        (self.said, self.pause) = (None, LEAST_PAUSE);
    }
}

/// How long a watch lasts, as the server is asked.
const WATCH: Duration = Duration::from_secs(30);
/// After how long without a byte it counts as lost.
const SILENCE: Duration = Duration::from_secs(40);
const LEAST_PAUSE: Duration = Duration::from_secs(1);
const MOST_PAUSE: Duration = Duration::from_secs(30);
