use std::cmp::Ordering;
use std::collections::{BinaryHeap, HashMap};
use std::sync::atomic::{AtomicU64, Ordering as Atomic};

use futures_core::future::BoxFuture;
use maily_errors::{Code, Error, Public, Result};
use parking_lot::RwLock;
use tower::ServiceExt;

use crate::model::{Embedding, Memory, MemoryId, MemoryQuery, Recalled, Tenant, Texts};
use crate::port::{Embed, Recall};

/// Memories in this process, searched exactly: the best is the best, recall is 1.0.
///
/// A search compares with every memory of the tenant, O(memories x dimension): about 5 ms for
/// 50 000 memories of 384 values, on one thread. It holds a read lock meanwhile.
#[derive(Debug)]
pub struct ExactIndex<E> {
    embedder: E,
    limit: usize,
    next: AtomicU64,
    tenants: RwLock<HashMap<Tenant, Vec<Entry>>>,
}

#[derive(Debug)]
struct Entry {
    id: MemoryId,
    text: String,
    embedding: Embedding,
}

impl<E> ExactIndex<E> {
    /// The most memories of one tenant, if nobody says otherwise.
    pub const DEFAULT_LIMIT: usize = 50_000;

    /// Creates an empty index over an embedder.
    #[must_use]
    pub fn new(embedder: E) -> Self {
        Self { embedder, limit: Self::DEFAULT_LIMIT, next: AtomicU64::new(1), tenants: RwLock::default() }
    }

    /// Sets the most memories of one tenant.
    #[must_use]
    pub const fn with_limit(mut self, limit: usize) -> Self {
        self.limit = limit;
        self
    }

    fn insert(&self, memory: Memory, embedding: Embedding) -> Result<MemoryId> {
        let mut tenants = self.tenants.write();
        let entries = tenants.entry(memory.tenant).or_default();
        if entries.len() >= self.limit {
            return Err(Error::new(Code::RecallFull, "the memory of this tenant is full")
                .with_operation("mesh::store")
                .with_context("limit", Public(self.limit)));
        }
        if let Some(first) = entries.first() {
            same_dimension(&first.embedding, &embedding)?;
        }
        let id = MemoryId::new(format!("m{}", self.next.fetch_add(1, Atomic::Relaxed)));
        entries.push(Entry { id: id.clone(), text: memory.text, embedding });
        Ok(id)
    }

    fn best(&self, query: &MemoryQuery, embedding: &Embedding) -> Result<Vec<Recalled>> {
        let tenants = self.tenants.read();
        let Some(entries) = tenants.get(&query.tenant).filter(|entries| !entries.is_empty()) else {
            return Ok(Vec::new());
        };
        same_dimension(&entries[0].embedding, embedding)?;
        // A heap with the worst on top: O(memories x log limit), however many there are.
        let mut best = BinaryHeap::with_capacity(query.limit + 1);
        for (index, entry) in entries.iter().enumerate() {
            best.push(Scored { score: entry.embedding.cosine(embedding), index });
            if best.len() > query.limit {
                best.pop();
            }
        }
        let found = best.into_sorted_vec().into_iter().map(|Scored { score, index }| {
            let Entry { id, text, .. } = &entries[index];
            Recalled { id: id.clone(), text: text.clone(), score }
        });
        Ok(found.collect())
    }
}

impl<E: Embed + Sync> ExactIndex<E> {
    async fn embed(&self, text: &str) -> Result<Embedding> {
        if text.trim().is_empty() {
            return Err(invalid("the text is empty"));
        }
        let vectors = self.embedder.clone().oneshot(Texts::new([text])?).await?;
        vectors.into_iter().next().ok_or_else(|| {
            Error::new(Code::Unexpected, "the embedder gave no vector").with_operation("mesh::embed")
        })
    }
}

impl<E: Embed + Sync> Recall for ExactIndex<E> {
    fn store(&self, memory: Memory) -> BoxFuture<'_, Result<MemoryId>> {
        Box::pin(async move {
            let embedding = self.embed(&memory.text).await?;
            self.insert(memory, embedding)
        })
    }

    fn search(&self, query: MemoryQuery) -> BoxFuture<'_, Result<Vec<Recalled>>> {
        Box::pin(async move {
            if !(1..=MemoryQuery::MAX_LIMIT).contains(&query.limit) {
                return Err(invalid("the limit is not 1 to 100"));
            }
            let embedding = self.embed(&query.query).await?;
            self.best(&query, &embedding)
        })
    }

    fn forget<'a>(&'a self, tenant: &'a Tenant, id: &'a MemoryId) -> BoxFuture<'a, Result<bool>> {
        Box::pin(async move {
            let mut tenants = self.tenants.write();
            let Some(entries) = tenants.get_mut(tenant) else { return Ok(false) };
            let before = entries.len();
            entries.retain(|entry| entry.id != *id);
            let forgot = entries.len() < before;
            if entries.is_empty() {
                tenants.remove(tenant);
            }
            Ok(forgot)
        })
    }
}

/// Ordered so that the worst is the greatest; of two equal ones, the later is worse.
struct Scored {
    score: f32,
    index: usize,
}

impl Ord for Scored {
    fn cmp(&self, other: &Self) -> Ordering {
        other.score.total_cmp(&self.score).then(self.index.cmp(&other.index))
    }
}

impl PartialOrd for Scored {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Eq for Scored {}

impl PartialEq for Scored {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

fn same_dimension(have: &Embedding, got: &Embedding) -> Result<()> {
    if have.as_slice().len() == got.as_slice().len() {
        return Ok(());
    }
    Err(Error::new(Code::EmbeddingDimension, "the vector has another dimension than the index")
        .with_operation("mesh::recall")
        .with_context("expected", Public(have.as_slice().len()))
        .with_context("found", Public(got.as_slice().len())))
}

fn invalid(message: &'static str) -> Error {
    Error::new(Code::Invalid, message).with_operation("mesh::recall")
}
