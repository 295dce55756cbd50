//! The pages of streams, where the meshes of one process find them.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_core::future::BoxFuture;
use futures_util::FutureExt;
use maily_errors::Result;
use parking_lot::Mutex;
use tokio::time::Instant;

use crate::model::StreamId;
use crate::port::Transcripts;

/// Pages in memory, for tests and for several meshes of one process. Clones are the same.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use maily_mesh::memory::LocalTranscripts;
/// use maily_mesh::{StreamId, Transcripts};
///
/// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
/// let (transcripts, stream) = (LocalTranscripts::default(), StreamId::new(7));
/// let minute = Duration::from_secs(60);
/// assert!(transcripts.write(stream, 0, "Hello".into(), minute).await?);
/// assert!(!transcripts.write(stream, 0, "Hi".into(), minute).await?);
/// assert_eq!(transcripts.read(stream, 0).await?, ["Hello"]);
/// # Ok::<(), maily_errors::Error>(()) }).unwrap();
/// ```
#[derive(Clone, Debug, Default)]
pub struct LocalTranscripts {
    streams: Arc<Mutex<HashMap<StreamId, Pages>>>,
}

#[cfg(test)]
impl LocalTranscripts {
    /// Copies what is there now.
    pub(crate) fn fork(&self) -> Self {
        Self { streams: Arc::new(Mutex::new(self.streams.lock().clone())) }
    }
}

/// What each page says, and when it is gone.
type Pages = BTreeMap<u32, (Bytes, Instant)>;

impl Transcripts for LocalTranscripts {
    fn write(
        &self,
        stream: StreamId,
        page: u32,
        content: Bytes,
        keep: Duration,
    ) -> BoxFuture<'static, Result<bool>> {
        let streams = self.streams.clone();
        async move {
            let now = Instant::now();
            let mut streams = streams.lock();
            streams.retain(|_, pages| pages.values().any(|(_, ends)| *ends > now));
            let pages = streams.entry(stream).or_default();
            let taken = pages.get(&page).is_some_and(|(_, ends)| *ends > now);
            if !taken {
                pages.insert(page, (content, now + keep));
            }
            Ok(!taken)
        }
        .boxed()
    }

    fn read(&self, stream: StreamId, first: u32) -> BoxFuture<'static, Result<Vec<Bytes>>> {
        let streams = self.streams.clone();
        async move {
            let (now, streams) = (Instant::now(), streams.lock());
            let Some(pages) = streams.get(&stream) else { return Ok(Vec::new()) };
            let there = |page: u32| pages.get(&page).filter(|(_, ends)| *ends > now);
            Ok((first..).map_while(there).map(|(content, _)| content.clone()).collect())
        }
        .boxed()
    }
}
