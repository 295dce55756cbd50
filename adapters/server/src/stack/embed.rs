//! The embedder, loaded when the first text needs it.

use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::future::BoxFuture;
use maily_embed_ort::{EmbedOrt, EmbedOrtConfig};
use maily_errors::{Code, Error, Result};
use maily_mesh::{Embedding, Texts};
use tokio::sync::OnceCell;
use tower::{Service, ServiceExt};

/// An embedder that loads its library and model, 0.3 s and 90 MB, with the first call.
///
/// A gateway whose nodes are elsewhere never needs them. A load that failed is tried again with the next call.
#[derive(Clone, Debug)]
pub(super) struct Late {
    config: EmbedOrtConfig,
    loaded: Arc<OnceCell<EmbedOrt>>,
}

impl Late {
    /// Returns the embedder of these files, or `None` if one of them is not there.
    ///
    /// # Errors
    ///
    /// [`Code::ModelBroken`] when one of them is damaged: at the start, and not with the first text.
    pub(super) fn of(config: EmbedOrtConfig) -> Result<Option<Self>> {
        match config.verify() {
            Ok(()) => Ok(Some(Self { config, loaded: Arc::default() })),
            Err(err) if err.code() == Code::EmbedderMissing => Ok(None),
            Err(err) => Err(err),
        }
    }

    async fn load(&self) -> Result<EmbedOrt> {
        let load = || async {
            let config = self.config.clone();
            let loading = tokio::task::spawn_blocking(|| config.build());
            let ended = |err| Error::new(Code::Unavailable, "the embedder was not loaded").with_source(err);
            loading.await.map_err(ended)?
        };
        self.loaded.get_or_try_init(load).await.cloned()
    }
}

impl Service<Texts> for Late {
    type Response = Vec<Embedding>;
    type Error = Error;
    // Boxed, because it has no name; what it does takes a thousand times longer.
    type Future = BoxFuture<'static, Result<Vec<Embedding>>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, texts: Texts) -> Self::Future {
        let embed = self.clone();
        Box::pin(async move { embed.load().await?.oneshot(texts).await })
    }
}
