//! The embedder as a service of the mesh.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use maily_errors::{Error, Result};
use maily_mesh::{Embedding, Texts};
use tokio::sync::mpsc;
use tower_service::Service;

use crate::config::EmbedOrtConfig;
use crate::error;
use crate::model::{self, Model};
use crate::pool::{Embedded, Pool};
use crate::runtime;

/// Sentence embeddings through ONNX Runtime: an [`Embed`](maily_mesh::Embed).
///
/// Clones share the threads. A call takes its texts apart, so a batch uses all threads; nothing is
/// computed on the runtime's.
///
/// # Cancellation
///
/// Dropping the future takes the texts that wait out of the queue.
#[derive(Clone, Debug)]
pub struct EmbedOrt {
    pool: Pool,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    name: String,
    dimension: usize,
}

impl EmbedOrtConfig {
    /// Loads the library and the models, and starts the threads.
    ///
    /// Takes about a quarter of a second and blocks meanwhile: call it before the runtime has work, or
    /// inside `spawn_blocking`.
    ///
    /// # Errors
    ///
    /// - [`Code::EmbedderMissing`](maily_errors::Code::EmbedderMissing) when one of the files is not there.
    /// - [`Code::ModelBroken`](maily_errors::Code::ModelBroken) when one of them is damaged or of another kind.
    /// - [`Code::ConfigInvalid`](maily_errors::Code::ConfigInvalid) when a setting is out of its range.
    pub fn build(self) -> Result<EmbedOrt> {
        self.check()?;
        let tokenizer = model::tokenizer(&self)?;
        let environment = runtime::environment(&self.library)?;
        let mut models = Vec::with_capacity(self.threads);
        for _ in 0..self.threads {
            models.push(Model::load(&environment, &self.model)?);
        }
        // One text through the first model shows whether all parts fit together.
        let probe = models.first_mut().map(|model| model.embed(&tokenizer, "hello"));
        let dimension = match probe {
            Some(Ok(embedding)) if !embedding.as_slice().is_empty() => embedding.as_slice().len(),
            Some(Err(err)) => return Err(error::broken(&self.model, err)),
            _ => return Err(error::broken(&self.model, "the model gives no vector")),
        };
        let pool = Pool::start(models, tokenizer, self.waiting)?;
        Ok(EmbedOrt { pool, shared: Arc::new(Shared { name: self.name, dimension }) })
    }
}

impl EmbedOrt {
    /// Returns the name that clients ask for.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.shared.name
    }

    /// Returns the length of each vector: 384 for MiniLM.
    #[must_use]
    pub fn dimension(&self) -> usize {
        self.shared.dimension
    }
}

impl Service<Texts> for EmbedOrt {
    type Response = Vec<Embedding>;
    type Error = Error;
    type Future = ResponseFuture;

    /// Always ready. A full queue refuses the call instead, so that nobody holds a place without texts.
    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, texts: Texts) -> Self::Future {
        let texts = texts.into_vec();
        let vectors = vec![None; texts.len()];
        ResponseFuture { source: self.pool.submit(texts).map_err(Some), missing: vectors.len(), vectors }
    }
}

/// Waits for the vectors of all texts.
#[derive(Debug)]
pub struct ResponseFuture {
    source: Result<mpsc::UnboundedReceiver<Embedded>, Option<Error>>,
    vectors: Vec<Option<Embedding>>,
    missing: usize,
}

impl Future for ResponseFuture {
    type Output = Result<Vec<Embedding>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let source = match &mut this.source {
            Ok(source) => source,
            Err(err) => return Poll::Ready(Err(err.take().unwrap_or_else(error::stopped))),
        };
        while this.missing > 0 {
            let (index, vector) = match ready!(source.poll_recv(cx)) {
                Some((index, Ok(vector))) => (index, vector),
                Some((_, Err(err))) => return Poll::Ready(Err(err)),
                None => return Poll::Ready(Err(error::stopped())),
            };
            this.vectors[index] = Some(vector);
            this.missing -= 1;
        }
        Poll::Ready(Ok(this.vectors.drain(..).flatten().collect()))
    }
}
