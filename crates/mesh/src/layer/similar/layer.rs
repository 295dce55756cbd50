use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tower_layer::Layer;

use super::Similar;
use super::store::Store;
use crate::layer::cache;
use crate::port::AnyEmbed;

/// Which answers may stand for similar prompts, and how many are kept.
#[derive(Clone, Debug, PartialEq)]
pub struct Rules {
    /// The most prompts that may get a wrong answer, as a part of all, 0.0 to 1.0: `delta` of the [`Judge`](super::Judge).
    pub max_wrong: f64,
    /// The cosine from which two answers agree. From 1.0 on they need the same words; below it, the same numbers too.
    pub agree: f32,
    /// The longest text that is looked up, in bytes. An embedder cuts off what is longer than it can read.
    pub max_text_bytes: usize,
    /// How long an embedding may take; then a node is asked.
    pub timeout: Duration,
    /// The most answers; one more takes the place of the oldest. Up to 20 000 are sensible.
    pub max_entries: usize,
    /// The most memory of all answers, about, in bytes. One that needs more than an eighth is not kept.
    pub max_bytes: u64,
    /// Which prompts, how long an answer is kept, and which fields do not count: as in the cache. Tools are never there.
    pub cache: cache::Rules,
    /// What the draws begin with, for tests. Without it nobody can foresee them.
    pub seed: Option<u64>,
}

impl Default for Rules {
    /// One prompt in a hundred may be answered wrongly; the same words agree; texts up to 1 KiB, embedded within 250 ms;
    /// 10,000 answers in 64 MiB for an hour.
    fn default() -> Self {
        Self {
            max_wrong: 0.01,
            agree: 1.0,
            max_text_bytes: 1024,
            timeout: Duration::from_millis(250),
            max_entries: 10_000,
            max_bytes: 64 * 1024 * 1024,
            cache: cache::Rules::default(),
            seed: None,
        }
    }
}

/// Applies [`Similar`] to a node. What one layer makes shares one memory.
#[derive(Clone)]
pub struct SimilarLayer {
    store: Option<Arc<Store>>,
}

impl SimilarLayer {
    /// Creates a layer with an empty memory.
    #[must_use]
    pub fn new(rules: Rules, embed: AnyEmbed) -> Self {
        Self { store: Some(Arc::new(Store::new(rules, embed))) }
    }

    /// Creates a layer that passes prompts on as they are.
    #[must_use]
    pub const fn none() -> Self {
        Self { store: None }
    }
}

impl<S> Layer<S> for SimilarLayer {
    type Service = Similar<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Similar::new(inner, self.store.clone())
    }
}

impl fmt::Debug for SimilarLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SimilarLayer").field("store", &self.store).finish()
    }
}
