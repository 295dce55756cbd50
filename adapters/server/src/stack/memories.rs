//! What the mesh remembers, in a file of the data folder.

use std::path::PathBuf;
use std::sync::{Arc, Weak};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use maily_errors::Error;
use maily_mesh::recall::{Memories, MemoriesConfig};
use maily_mesh::{AnyEmbed, Archive, Archived};
use maily_store_redb::{RedbConfig, RedbMemories};
use tokio::sync::OnceCell;

/// Opens the memories of the data folder, and removes those whose time is over once a minute for as long as they are used.
///
/// # Errors
///
/// Those of [`Memories::open`]; a damaged or locked file is left as it is.
pub(super) async fn open(
    path: PathBuf,
    embed: AnyEmbed,
    config: MemoriesConfig,
) -> Result<Arc<Memories<AnyEmbed>>, Error> {
    let memories = Arc::new(Memories::open(embed, Arc::new(Kept::new(path)), config).await?);
    tokio::spawn(sweep(Arc::downgrade(&memories)));
    Ok(memories)
}

async fn sweep(memories: Weak<Memories<AnyEmbed>>) {
    loop {
        tokio::time::sleep(SWEPT_EACH).await;
        let Some(memories) = memories.upgrade() else { return };
        if let Err(err) = memories.sweep(SWEPT_AT_ONCE).await {
            tracing::warn!(error = %err, "memories whose time is over are removed later");
        }
    }
}

/// A file that is made with the first memory, so that a server that has none starts without waiting for the disk.
#[derive(Debug)]
struct Kept {
    path: PathBuf,
    file: OnceCell<RedbMemories>,
}

impl Kept {
    fn new(path: PathBuf) -> Self {
        Self { path, file: OnceCell::new() }
    }

    async fn file(&self) -> Result<&RedbMemories, Error> {
        self.file.get_or_try_init(|| RedbConfig::new(&self.path).memories()).await
    }
}

impl Archive for Kept {
    fn append(&self, memories: Vec<Arc<Archived>>) -> BoxFuture<'_, Result<(), Error>> {
        async move { self.file().await?.append(memories).await }.boxed()
    }

    fn load(&self, after: u64, limit: usize) -> BoxFuture<'_, Result<Vec<Archived>, Error>> {
        async move {
            if !self.file.initialized() && !self.path.exists() {
                return Ok(Vec::new());
            }
            self.file().await?.load(after, limit).await
        }
        .boxed()
    }

    fn remove(&self, numbers: Vec<u64>) -> BoxFuture<'_, Result<(), Error>> {
        async move { self.file().await?.remove(numbers).await }.boxed()
    }
}

/// How often memories whose time is over are removed.
const SWEPT_EACH: Duration = Duration::from_secs(60);
/// How many of them at once: the file is locked for about a tenth of a second.
const SWEPT_AT_ONCE: usize = 10_000;
