//! What a mesh remembers.

use std::future::Future;
use std::path::PathBuf;
use std::sync::{Arc, Weak};
use std::time::Duration;

use maily_errors::Result;
use maily_mesh::recall::{Memories, MemoriesConfig};
use maily_mesh::{AnyEmbed, Memory, MemoryId, MemoryPage, MemoryQuery, Recall, Tenant};
use maily_store_redb::RedbConfig;
use pyo3::prelude::*;
use tokio::task::JoinSet;

use super::calls::Calls;

/// A memory that was found.
#[pyclass(frozen, get_all, module = "maily.mesh")]
#[derive(Clone)]
pub(super) struct Recalled {
    /// Its name, to forget it by.
    id: String,
    /// Its text.
    text: String,
    /// Where it stands among what was found, 0.0 to 1.0.
    score: f32,
    /// How near its meaning is, -1.0 to 1.0.
    similarity: f32,
    /// How much of the words of the query it holds, 0.0 to 1.0.
    words: f32,
}

/// A memory as it was stored.
#[pyclass(frozen, get_all, module = "maily.mesh")]
#[derive(Clone)]
pub(super) struct Remembered {
    /// Its name, to forget it by.
    id: String,
    /// Its text.
    text: String,
    /// When it was stored, in seconds since 1970.
    created: f64,
    /// When it is forgotten by itself, in seconds since 1970.
    ends: Option<f64>,
}

/// Opens memories: in a file, or in this process. Those whose time is over are removed once a minute.
pub(super) async fn open(
    archive: Option<PathBuf>,
    embed: AnyEmbed,
    config: MemoriesConfig,
    tasks: &mut JoinSet<()>,
) -> Result<Arc<dyn Recall>> {
    let Some(path) = archive else { return Ok(Arc::new(Memories::in_process(embed, config))) };
    let file = Arc::new(RedbConfig::new(path).memories().await?);
    let memories = Arc::new(Memories::open(embed, file, config).await?);
    tasks.spawn(sweep(Arc::downgrade(&memories)));
    Ok(memories)
}

async fn sweep(memories: Weak<Memories<AnyEmbed>>) {
    loop {
        tokio::time::sleep(SWEPT_EACH).await;
        let Some(memories) = memories.upgrade() else { return };
        // What is not removed now is never found either, and is removed later.
        let _ = memories.sweep(SWEPT_AT_ONCE).await;
    }
}

impl Calls {
    fn recall(&self) -> Result<Arc<dyn Recall>> {
        self.process.check().map(|()| self.recall.clone())
    }

    pub(super) fn remember(
        &self,
        text: String,
        ttl: Option<f64>,
        tenant: Option<String>,
    ) -> impl Future<Output = Result<String>> + Send + use<> {
        let recall = self.recall();
        // What is no length of time is refused like one of no length.
        let ttl = ttl.map(|seconds| Duration::try_from_secs_f64(seconds).unwrap_or_default());
        let memory = ttl.into_iter().fold(Memory::new(text), Memory::with_ttl);
        let memory = tenant.into_iter().fold(memory, Memory::with_tenant);
        async move { recall?.store(memory).await.map(|id| id.to_string()) }
    }

    pub(super) fn memories(
        &self,
        after: Option<String>,
        limit: usize,
        tenant: Option<String>,
    ) -> impl Future<Output = Result<Vec<Remembered>>> + Send + use<> {
        let recall = self.recall();
        let page = MemoryPage::new(owner(tenant)).with_limit(limit);
        let page = after.map(MemoryId::from).into_iter().fold(page, MemoryPage::with_after);
        async move { Ok(recall?.list(page).await?.into_iter().map(Remembered::from).collect()) }
    }

    pub(super) fn search(
        &self,
        query: String,
        limit: usize,
        tenant: Option<String>,
    ) -> impl Future<Output = Result<Vec<Recalled>>> + Send + use<> {
        let recall = self.recall();
        let query = MemoryQuery::new(query).with_limit(limit).with_tenant(owner(tenant));
        async move { Ok(recall?.search(query).await?.into_iter().map(Recalled::from).collect()) }
    }

    pub(super) fn forget(
        &self,
        id: String,
        tenant: Option<String>,
    ) -> impl Future<Output = Result<bool>> + Send + use<> {
        let recall = self.recall();
        async move { recall?.forget(&owner(tenant), &MemoryId::new(id)).await }
    }

    pub(super) fn forget_all(
        &self,
        tenant: Option<String>,
    ) -> impl Future<Output = Result<usize>> + Send + use<> {
        let recall = self.recall();
        async move { recall?.forget_all(&owner(tenant)).await }
    }
}

fn owner(tenant: Option<String>) -> Tenant {
    tenant.map_or_else(Tenant::default, Tenant::from)
}

impl From<maily_mesh::Recalled> for Recalled {
    fn from(found: maily_mesh::Recalled) -> Self {
        let maily_mesh::Recalled { id, text, score, similarity, words, .. } = found;
        Self { id: id.to_string(), text, score, similarity, words }
    }
}

impl From<maily_mesh::Remembered> for Remembered {
    fn from(memory: maily_mesh::Remembered) -> Self {
        let seconds = |ms: u64| ms as f64 / 1000.0;
        let (created, ends) = (seconds(memory.created_ms), memory.ends_ms.map(seconds));
        Self { id: memory.id.to_string(), text: memory.text, created, ends }
    }
}

/// How often memories whose time is over are removed.
const SWEPT_EACH: Duration = Duration::from_secs(60);
/// How many of them at once: the file is locked for about a tenth of a second.
const SWEPT_AT_ONCE: usize = 10_000;
