use std::collections::BTreeMap;
use std::future::ready;
use std::sync::Arc;

use futures_core::future::BoxFuture;
use maily_errors::Result;
use parking_lot::RwLock;

use crate::model::Archived;
use crate::port::Archive;

/// An archive in this process: it survives the [`Memories`](crate::recall::Memories), not the process.
#[derive(Debug, Default)]
pub struct VolatileArchive(RwLock<BTreeMap<u64, Arc<Archived>>>);

impl Archive for VolatileArchive {
    fn append(&self, memories: Vec<Arc<Archived>>) -> BoxFuture<'_, Result<()>> {
        self.0.write().extend(memories.into_iter().map(|memory| (memory.number, memory)));
        Box::pin(ready(Ok(())))
    }

    fn load(&self, after: u64, limit: usize) -> BoxFuture<'_, Result<Vec<Archived>>> {
        let kept = self.0.read();
        let page = kept.range(after.saturating_add(1)..).take(limit);
        Box::pin(ready(Ok(page.map(|(_, memory)| Archived::clone(memory)).collect())))
    }

    fn remove(&self, numbers: Vec<u64>) -> BoxFuture<'_, Result<()>> {
        let mut kept = self.0.write();
        for number in numbers {
            kept.remove(&number);
        }
        Box::pin(ready(Ok(())))
    }
}
