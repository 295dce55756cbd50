use std::fmt;
use std::sync::Arc;

use futures_core::future::BoxFuture;
use futures_util::future::join;
use maily_errors::{Code, Error, Public, Result};
use tower::ServiceExt;

use super::config::{MemoriesConfig, WhenFull};
use super::index::Index;
use super::pending::{Landing, Leaving};
use super::shelf::{Prepared, Shelf};
use crate::clock::Clock;
use crate::model::{
    Archived, Embedding, Memory, MemoryId, MemoryPage, MemoryQuery, Recalled, Remembered, Tenant, Texts,
};
use crate::port::{Archive, Embed, Recall};

/// Memories of many tenants, found by meaning and by words. Clones share them.
///
/// See the [module](super) for what a search does, what is promised, and what it costs.
#[derive(Clone)]
pub struct Memories<E> {
    pub(super) embedder: E,
    pub(super) index: Arc<Index>,
    pub(super) archive: Option<Arc<dyn Archive>>,
    pub(super) clock: Clock,
}

/// How much is remembered.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Counts {
    /// Memories, with those whose time is over and that were not removed yet.
    pub memories: usize,
    /// Tenants that have some.
    pub tenants: usize,
    /// About how many bytes of the process they take, as [`MemoriesConfig::max_bytes`] counts.
    pub bytes: u64,
    /// Memories that a graph has not got yet; searches compare them one by one meanwhile.
    pub waiting: usize,
}

impl<E> Memories<E> {
    /// Creates memories in this process alone, with the limits of [`MemoriesConfig::default`].
    #[must_use]
    pub fn new(embedder: E) -> Self {
        Self::in_process(embedder, MemoriesConfig::default())
    }

    /// Creates memories in this process alone.
    #[must_use]
    pub fn in_process(embedder: E, config: MemoriesConfig) -> Self {
        Self { embedder, index: Arc::new(Index::new(config)), archive: None, clock: Clock::new() }
    }

    /// Returns how much is remembered.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let (memories, bytes, tenants) = self.index.counts();
        let waiting = self.index.shelves().iter().map(|shelf| shelf.read().vectors.waiting()).sum();
        Counts { memories, tenants, bytes, waiting }
    }

    /// Puts every memory that waits into its graph, on the calling thread.
    ///
    /// This happens by itself, in a thread of its own; call it before a measurement.
    pub fn settle(&self) {
        self.index.settle();
    }

    /// Forgets memories whose time is over, at most `limit`, and returns how many.
    ///
    /// They are never found even without it: this frees their place. Each [`store`](Recall::store) removes up to 64, and
    /// all of them when the room is needed; call it now and then if nothing is stored for long.
    ///
    /// # Errors
    ///
    /// [`Code::MemoryStoreFailed`] when they cannot be removed from the archive; then they are removed later.
    pub async fn sweep(&self, limit: usize) -> Result<usize> {
        match self.index.ended(self.clock.now_ms(), limit) {
            ended if ended.is_empty() => Ok(0),
            ended => self.remove(ended).await,
        }
    }

    /// Removes memories from the archive, then from their shelves; returns how many were there.
    pub(super) async fn remove(&self, memories: impl IntoIterator<Item = (Tenant, u64)>) -> Result<usize> {
        let leaving = Leaving::new(&self.index, memories);
        let removed = match &self.archive {
            Some(archive) => archive.remove(leaving.numbers()).await,
            None => Ok(()),
        };
        leaving.after(removed)
    }
}

impl<E: Embed + Sync> Memories<E> {
    /// Opens memories that are kept in an archive, and waits until they are loaded.
    ///
    /// Loads some 100 000 memories of 384 values a second and says every 10 000 of them in the log. Graphs are built
    /// afterwards, while searches compare every memory. When the embedder gives the first text another vector than the
    /// stored one, all memories are embedded anew, which takes as long as it takes, and stored again.
    ///
    /// # Errors
    ///
    /// - [`Code::ConfigInvalid`] when a setting is out of its range.
    /// - [`Code::MemoryStoreCorrupt`] when a memory in the archive is damaged.
    /// - [`Code::MemoryStoreFailed`] when the archive cannot be read.
    /// - What the embedder fails with.
    pub async fn open(embedder: E, archive: Arc<dyn Archive>, config: MemoriesConfig) -> Result<Self> {
        config.check()?;
        let memories = Self { archive: Some(archive), ..Self::in_process(embedder, config) };
        memories.load().await?;
        Ok(memories)
    }

    /// Turns texts into vectors that can be compared with the others.
    pub(super) async fn embed(&self, texts: Texts) -> Result<Vec<Embedding>> {
        let count = texts.as_slice().len();
        let embeddings = self.embedder.clone().oneshot(texts).await?;
        if embeddings.len() != count {
            return Err(Error::new(Code::Unexpected, "the embedder gave another number of vectors")
                .with_operation("mesh::embed"));
        }
        embeddings.iter().try_for_each(|embedding| self.index.check(embedding))?;
        Ok(embeddings)
    }

    async fn embed_one(&self, text: &str) -> Result<Embedding> {
        let embeddings = self.embed(Texts::new([text])?).await?;
        embeddings.into_iter().next().ok_or_else(|| {
            Error::new(Code::Unexpected, "the embedder gave no vector").with_operation("mesh::embed")
        })
    }

    /// Keeps a place for a memory; makes room for it if that is wanted.
    async fn reserve(&self, tenant: &Tenant, text: &str) -> Result<u64> {
        loop {
            let full = match self.index.reserve(tenant, text, self.clock.now_us()) {
                Err(err) if err.code() == Code::RecallFull => err,
                reserved => return reserved,
            };
            if self.sweep(usize::MAX).await? > 0 {
                continue;
            }
            let forgets = self.index.config.when_full == WhenFull::Oldest;
            let forgets = forgets && self.index.has_room_without(tenant, text);
            let shelf = self.index.shelf(tenant).filter(|_| forgets);
            let oldest = shelf.and_then(|shelf| shelf.read().numbers().next()).ok_or(full)?;
            self.remove([(tenant.clone(), oldest)]).await?;
        }
    }

    async fn keep(&self, memory: Memory) -> Result<MemoryId> {
        let Memory { tenant, text, ttl_ms } = memory;
        check_text(&text)?;
        if tenant.as_str().len() > Tenant::MAX_BYTES {
            return Err(invalid(
                "the name of the tenant is too long",
                "limit_bytes",
                Tenant::MAX_BYTES as u64,
            ));
        }
        if ttl_ms.is_some_and(|ttl_ms| !(1..=Memory::MAX_TTL_MS).contains(&ttl_ms)) {
            return Err(invalid("the time to live is out of its range", "limit_ms", Memory::MAX_TTL_MS));
        }
        let embedding = self.embed_one(&text).await?;
        let number = self.reserve(&tenant, &text).await?;
        let created_ms = self.clock.now_ms();
        let ends_ms = ttl_ms.map(|ttl_ms| created_ms + ttl_ms);
        let memory = Arc::new(Archived { number, tenant, text, embedding, created_ms, ends_ms });
        let landing = Landing::new(&self.index, Prepared::new(memory.clone()));
        match &self.archive {
            // Together, so that both are in one commit.
            Some(archive) => {
                let (kept, swept) = join(archive.append(vec![memory]), self.sweep(SWEPT_BY_A_STORE)).await;
                landing.after(kept)?;
                if let Err(err) = swept {
                    tracing::warn!(error = %err, "memories whose time is over are removed later");
                }
            }
            None => {
                landing.after(Ok(()))?;
                self.sweep(SWEPT_BY_A_STORE).await?;
            }
        }
        Ok(id(number))
    }

    async fn find(&self, query: MemoryQuery) -> Result<Vec<Recalled>> {
        check_limit(query.limit, MemoryQuery::MAX_LIMIT)?;
        check_text(&query.query)?;
        let texts = Texts::new([query.query.as_str()])?;
        let Some(shelf) = self.index.shelf(&query.tenant) else { return Ok(Vec::new()) };
        let embeddings = self.embed(texts).await?;
        let Some(embedding) = embeddings.into_iter().next() else { return Ok(Vec::new()) };
        let now_ms = self.clock.now_ms();
        let started = tokio::time::Instant::now();
        let work = shelf.read().work(embedding.as_slice().len()) + query.query.len() * 100;
        let search = move || answer(&shelf.read(), &query, &embedding, now_ms);
        let found = if work <= MOST_WORK_IN_PLACE {
            search()
        } else {
            tokio::task::spawn_blocking(search).await.map_err(|err| {
                Error::new(Code::Unexpected, "the search has stopped")
                    .with_operation("mesh::search")
                    .with_source(err)
            })?
        };
        metrics::histogram!("maily_memories_search_seconds").record(started.elapsed().as_secs_f64());
        Ok(found)
    }

    fn page(&self, page: &MemoryPage) -> Result<Vec<Remembered>> {
        check_limit(page.limit, MemoryPage::MAX_LIMIT)?;
        let after = match &page.after {
            None => 0,
            Some(after) => number(after).ok_or_else(|| invalid("no memory has this name", "limit", 1))?,
        };
        let Some(shelf) = self.index.shelf(&page.tenant) else { return Ok(Vec::new()) };
        let now_ms = self.clock.now_ms();
        let shelf = shelf.read();
        let memories = shelf.after(after).filter(|memory| memory.lives(now_ms)).take(page.limit);
        let as_listed = |memory: &Arc<Archived>| Remembered {
            id: id(memory.number),
            text: memory.text.clone(),
            created_ms: memory.created_ms,
            ends_ms: memory.ends_ms,
        };
        Ok(memories.map(as_listed).collect())
    }

    async fn drop_one(&self, tenant: &Tenant, id: &MemoryId) -> Result<bool> {
        let (Some(number), Some(shelf)) = (number(id), self.index.shelf(tenant)) else { return Ok(false) };
        let now_ms = self.clock.now_ms();
        if !shelf.read().get(number).is_some_and(|memory| memory.lives(now_ms)) {
            return Ok(false);
        }
        Ok(self.remove([(tenant.clone(), number)]).await? > 0)
    }

    async fn drop_all(&self, tenant: &Tenant) -> Result<usize> {
        let Some(shelf) = self.index.shelf(tenant) else { return Ok(0) };
        let numbers: Vec<u64> = shelf.read().numbers().collect();
        self.remove(numbers.into_iter().map(|number| (tenant.clone(), number))).await
    }
}

impl<E: Embed + Sync> Recall for Memories<E> {
    fn store(&self, memory: Memory) -> BoxFuture<'_, Result<MemoryId>> {
        Box::pin(self.keep(memory))
    }

    fn search(&self, query: MemoryQuery) -> BoxFuture<'_, Result<Vec<Recalled>>> {
        Box::pin(self.find(query))
    }

    fn list(&self, page: MemoryPage) -> BoxFuture<'_, Result<Vec<Remembered>>> {
        Box::pin(std::future::ready(self.page(&page)))
    }

    fn forget<'a>(&'a self, tenant: &'a Tenant, id: &'a MemoryId) -> BoxFuture<'a, Result<bool>> {
        Box::pin(self.drop_one(tenant, id))
    }

    fn forget_all<'a>(&'a self, tenant: &'a Tenant) -> BoxFuture<'a, Result<usize>> {
        Box::pin(self.drop_all(tenant))
    }

    fn holds(&self, tenant: &Tenant) -> bool {
        self.index.shelf(tenant).is_some()
    }
}

impl<E: fmt::Debug> fmt::Debug for Memories<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Memories")
            .field("embedder", &self.embedder)
            .field("config", &self.index.config)
            .field("kept", &self.archive.is_some())
            .finish_non_exhaustive()
    }
}

fn answer(shelf: &Shelf, query: &MemoryQuery, embedding: &Embedding, now_ms: u64) -> Vec<Recalled> {
    let found = shelf.search(&query.query, embedding, query.limit, now_ms).into_iter();
    let as_recalled = found.map(|found| Recalled {
        id: id(found.memory.number),
        text: found.memory.text.clone(),
        score: found.score,
        similarity: found.similarity,
        words: found.words,
        embedding: Some(found.memory.embedding.clone()),
    });
    as_recalled.collect()
}

fn id(number: u64) -> MemoryId {
    MemoryId::from(format!("m{number:x}"))
}

fn number(id: &MemoryId) -> Option<u64> {
    let digits = id.as_str().strip_prefix('m')?;
    // Exactly as written, so that a memory has one name.
    u64::from_str_radix(digits, 16).ok().filter(|number| format!("{number:x}") == digits)
}

fn check_text(text: &str) -> Result<()> {
    if text.trim().is_empty() {
        return Err(Error::new(Code::Invalid, "the text is empty").with_operation("mesh::recall"));
    }
    Ok(())
}

fn check_limit(limit: usize, most: usize) -> Result<()> {
    if (1..=most).contains(&limit) {
        Ok(())
    } else {
        Err(invalid("the limit is out of its range", "most", most as u64))
    }
}

fn invalid(message: &'static str, name: &'static str, limit: u64) -> Error {
    Error::new(Code::Invalid, message).with_operation("mesh::recall").with_context(name, Public(limit))
}

/// How many memories whose time is over a store removes at most.
const SWEPT_BY_A_STORE: usize = 64;
/// Up to so many values are compared where the call is. More go to a thread that may block.
const MOST_WORK_IN_PLACE: usize = 6_000_000;
