use std::sync::Arc;
use std::time::Duration;

use tower_layer::Layer;

use super::Replay;
use super::shelf::Shelf;
use crate::port::Transcripts;

/// How much of numbered streams is kept, and for how long.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Keep {
    /// The most bytes of one stream; a longer one is not kept at all.
    pub stream_bytes: usize,
    /// The most bytes of all streams.
    pub total_bytes: usize,
    /// The most streams.
    pub streams: usize,
    /// How long after its last event.
    pub time: Duration,
}

impl Default for Keep {
    /// 256 KiB of a stream, 16 MiB and 1,024 streams in all, 60 s.
    fn default() -> Self {
        Self {
            stream_bytes: 256 * 1024,
            total_bytes: 16 * 1024 * 1024,
            streams: 1_024,
            time: Duration::from_secs(60),
        }
    }
}

/// Applies [`Replay`] to a mesh; its clones and services share what is kept.
#[derive(Clone, Debug)]
pub struct ReplayLayer {
    shelf: Shelf,
}

impl ReplayLayer {
    /// Creates a layer that keeps nothing yet.
    #[must_use]
    pub fn new(keep: Keep) -> Self {
        Self { shelf: Shelf::new(keep) }
    }

    /// Keeps the streams that begin from now on where other instances can go on with them.
    pub fn share(&self, transcripts: Arc<dyn Transcripts>) {
        self.shelf.shared.set(transcripts);
    }
}

impl Default for ReplayLayer {
    fn default() -> Self {
        Self::new(Keep::default())
    }
}

impl<S> Layer<S> for ReplayLayer {
    type Service = Replay<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Replay::new(inner, self.shelf.clone())
    }
}
