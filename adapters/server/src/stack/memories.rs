//! What the mesh remembers, in a file of the data folder.

use std::path::PathBuf;
use std::sync::{Arc, Weak};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use maily_errors::{Code, Error};
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
///
/// A change has a task of its own: it ends though its caller leaves while the file is being made.
#[derive(Clone, Debug)]
struct Kept {
    path: PathBuf,
    file: Arc<OnceCell<RedbMemories>>,
}

impl Kept {
    fn new(path: PathBuf) -> Self {
        Self { path, file: Arc::default() }
    }

    async fn file(&self) -> Result<&RedbMemories, Error> {
        self.file.get_or_try_init(|| RedbConfig::new(&self.path).memories()).await
    }
}

impl Archive for Kept {
    fn append(&self, memories: Vec<Arc<Archived>>) -> BoxFuture<'_, Result<(), Error>> {
        let kept = self.clone();
        to_its_end(async move { kept.file().await?.append(memories).await })
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
        let kept = self.clone();
        to_its_end(async move { kept.file().await?.remove(numbers).await })
    }
}

/// Runs a change that goes on when nobody waits for it any more.
fn to_its_end(
    change: impl Future<Output = Result<(), Error>> + Send + 'static,
) -> BoxFuture<'static, Result<(), Error>> {
    let task = tokio::spawn(change);
    async move { task.await.unwrap_or_else(|err| Err(Error::from(Code::Unexpected).with_source(err))) }
        .boxed()
}

/// How often memories whose time is over are removed.
const SWEPT_EACH: Duration = Duration::from_secs(60);
/// How many of them at once: the file is locked for about a tenth of a second.
const SWEPT_AT_ONCE: usize = 10_000;

#[cfg(test)]
mod tests {
    use futures_util::poll;
    use maily_mesh::{Embedding, Tenant};

    use super::*;

    fn memory(number: u64) -> Arc<Archived> {
        let embedding = Embedding::normalized(vec![1.0, 0.0]);
        let (tenant, text) = (Tenant::from("t".to_owned()), "text".to_owned());
        Arc::new(Archived { number, tenant, text, embedding, created_ms: 0, ends_ms: None })
    }

    #[tokio::test]
    async fn first_memory_is_kept_though_its_caller_leaves_while_the_file_is_made() {
        let folder = tempfile::tempdir().unwrap();
        let kept = Kept::new(folder.path().join("memories.redb"));

        let mut left = kept.append(vec![memory(1)]);
        assert!(poll!(&mut left).is_pending());
        drop(left);
        kept.append(vec![memory(2)]).await.unwrap();

        let numbers: Vec<_> = kept.load(0, 10).await.unwrap().iter().map(|memory| memory.number).collect();
        assert_eq!(numbers, [1, 2]);
    }
}
