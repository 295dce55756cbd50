//! What is in the archive, back on its shelves.

use std::sync::Arc;

use maily_errors::{Code, Error, Result};
use tokio::time::Instant;

use super::Memories;
use super::shelf::Prepared;
use crate::model::{Archived, Embedding, Texts};
use crate::port::{Archive, Embed};

impl<E: Embed + Sync> Memories<E> {
    /// Reads the archive page by page, and says in the log how far it is.
    pub(super) async fn load(&self) -> Result<()> {
        let Some(archive) = &self.archive else { return Ok(()) };
        let started = Instant::now();
        let Some(first) = archive.load(0, 1).await?.pop() else { return Ok(()) };
        let mut renewal = None;
        if self.has_changed(&first).await? {
            renewal = Some(Renewal { first: first.number, anew: None });
            archive.append(vec![Arc::new(unfinished(first))]).await?;
        }
        let (mut after, mut loaded) = (0, 0_usize);
        loop {
            let mut page = archive.load(after, PAGE).await?;
            let Some(last) = page.last() else { break };
            after = last.number;
            let now_ms = self.clock.now_ms();
            let ended = page.extract_if(.., |memory| !memory.lives(now_ms)).map(|memory| memory.number);
            let is_mark = |number: &u64| renewal.as_ref().is_some_and(|renewal| renewal.first == *number);
            let ended: Vec<u64> = ended.filter(|number| !is_mark(number)).collect();
            if !ended.is_empty() {
                archive.remove(ended).await?;
            }
            let page = match &mut renewal {
                Some(renewal) => self.embed_anew(page, renewal, &**archive).await?,
                None => page.into_iter().map(Arc::new).collect(),
            };
            let count = page.len();
            self.shelve(page).await?;
            if (loaded + count) / REPORTED > loaded / REPORTED {
                tracing::info!(memories = loaded + count, "loads memories");
            }
            loaded += count;
        }
        match renewal {
            Some(Renewal { anew: Some(first), .. }) => archive.append(vec![first]).await?,
            // Its time was over.
            Some(Renewal { first, anew: None }) => archive.remove(vec![first]).await?,
            None => {}
        }
        if loaded > 0 {
            let seconds = started.elapsed().as_secs_f64();
            tracing::info!(memories = loaded, seconds, "has loaded memories");
        }
        Ok(())
    }

    /// Returns whether the embedder has another opinion of a text than the one that is stored.
    async fn has_changed(&self, memory: &Archived) -> Result<bool> {
        let now = self.embed(Texts::new([memory.text.as_str()])?).await?;
        let stored = &memory.embedding;
        let changed = now.first().is_none_or(|now| {
            let is_zero = |values: &[f32]| values.iter().all(|value| *value == 0.0);
            let both_zero = is_zero(now.as_slice()) && is_zero(stored.as_slice());
            now.as_slice().len() != stored.as_slice().len() || !both_zero && now.cosine(stored) < SAME
        });
        if changed {
            tracing::warn!("the embedder is another one than before; all memories are embedded anew");
        }
        Ok(changed)
    }

    /// Gives memories the vectors of this embedder, and stores them again: all but the first one of the archive.
    async fn embed_anew(
        &self,
        mut page: Vec<Archived>,
        renewal: &mut Renewal,
        archive: &dyn Archive,
    ) -> Result<Vec<Arc<Archived>>> {
        if page.is_empty() {
            return Ok(Vec::new());
        }
        let texts = Texts::new(page.iter().map(|memory| memory.text.as_str()))?;
        for (memory, embedding) in page.iter_mut().zip(self.embed(texts).await?) {
            memory.embedding = embedding;
        }
        let page: Vec<Arc<Archived>> = page.into_iter().map(Arc::new).collect();
        let is_first = |memory: &Arc<Archived>| memory.number == renewal.first;
        let (first, others): (Vec<_>, Vec<_>) = page.iter().cloned().partition(is_first);
        renewal.anew = first.into_iter().next().or(renewal.anew.take());
        if !others.is_empty() {
            archive.append(others).await?;
        }
        Ok(page)
    }

    /// Puts a page on its shelves, where it may block.
    async fn shelve(&self, page: Vec<Arc<Archived>>) -> Result<()> {
        page.iter().try_for_each(|memory| self.index.check(&memory.embedding))?;
        let index = self.index.clone();
        let shelved = tokio::task::spawn_blocking(move || {
            for memory in page {
                index.count(&memory);
                index.put(Prepared::new(memory));
            }
        });
        shelved.await.map_err(|err| {
            Error::new(Code::Unexpected, "the loading has stopped")
                .with_operation("mesh::load")
                .with_source(err)
        })
    }
}

/// That all memories are embedded anew. The first one of the archive is stored last: until then it says that this is not
/// done, whichever embedder comes next.
struct Renewal {
    first: u64,
    anew: Option<Arc<Archived>>,
}

/// A memory with a vector that no embedder gives.
fn unfinished(memory: Archived) -> Archived {
    Archived { embedding: Embedding::from_normalized(vec![1.0]), ..memory }
}

/// Memories that are read together: 16 MiB at most.
const PAGE: usize = 256;
/// After how many memories the log says how far it is.
const REPORTED: usize = 10_000;
/// The cosine from which two vectors of a text are the same: batches and processors may round differently.
const SAME: f32 = 0.99;
