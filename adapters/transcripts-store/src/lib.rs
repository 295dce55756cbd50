#![doc = include_str!("../README.md")]

use std::time::Duration;

use bytes::Bytes;
use futures_core::future::BoxFuture;
use futures_util::FutureExt;
use futures_util::future::try_join_all;
use maily_errors::Result;
use maily_mesh::{StreamId, Transcripts};
use maily_redis::{Key, Store, Swap};

/// Pages of streams as values of a store. Clones share it.
#[derive(Clone, Debug)]
pub struct StoreTranscripts<S> {
    store: S,
}

impl<S> StoreTranscripts<S> {
    /// Keeps pages in a store.
    pub const fn new(store: S) -> Self {
        Self { store }
    }
}

impl<S: Store + 'static> Transcripts for StoreTranscripts<S> {
    fn write(
        &self,
        stream: StreamId,
        page: u32,
        content: Bytes,
        keep: Duration,
    ) -> BoxFuture<'static, Result<bool>> {
        let store = self.store.clone();
        async move {
            let mut swap = Swap::default();
            (swap.value, swap.ttl) = (Some(content), Some(keep));
            store.compare_and_set(&key(stream, page)?, swap).await
        }
        .boxed()
    }

    fn read(&self, stream: StreamId, first: u32) -> BoxFuture<'static, Result<Vec<Bytes>>> {
        let store = self.store.clone();
        async move {
            let (mut pages, mut next) = (Vec::new(), first);
            loop {
                let asked = (next..next + AT_ONCE).map(|page| get(&store, stream, page));
                let found = try_join_all(asked).await?;
                let count = pages.len();
                pages.extend(found.into_iter().map_while(|page| page));
                if pages.len() < count + AT_ONCE as usize {
                    return Ok(pages);
                }
                next += AT_ONCE;
            }
        }
        .boxed()
    }
}

async fn get<S: Store>(store: &S, stream: StreamId, page: u32) -> Result<Option<Bytes>> {
    store.get(&key(stream, page)?).await
}

fn key(stream: StreamId, page: u32) -> Result<Key> {
    Key::new(format!("transcript:{stream}:{page}"))
}

/// How many pages are asked for at once: one write to the server, and one answer.
const AT_ONCE: u32 = 32;
