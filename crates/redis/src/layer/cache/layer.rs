use std::fmt;
use std::time::Duration;

use tower_layer::Layer;

use super::mark::Unmarked;
use super::service::Remember;
use crate::cache::Cache;
use crate::port::Watch;

/// Answers from a cache what was answered before.
pub struct CacheLayer<S: Watch, F, C, M = Unmarked> {
    cache: Cache<S>,
    ttl: Duration,
    identify: F,
    codec: C,
    mark: M,
}

impl<S: Watch, F, C> CacheLayer<S, F, C> {
    /// Creates the layer, whose answers live for `ttl`: 1 ms to 99 years.
    ///
    /// `identify` is a `Fn(&Req) -> Option<Key>`; two requests with one key have one answer, and a request without a
    /// key is passed on. `codec` is a [`Codec`](crate::layer::idempotency::Codec) of the answers.
    pub const fn new(cache: Cache<S>, ttl: Duration, identify: F, codec: C) -> Self {
        Self { cache, ttl, identify, codec, mark: Unmarked }
    }

    /// Marks answers whose time is over, and which are given because nothing better could be had in time.
    ///
    /// `mark` is a `Fn(Res) -> Res`, a [`Mark`](super::Mark) of the answers: it sets a field, or puts [`Stale`](super::Stale) into
    /// the extensions of an HTTP answer. Without it nobody sees from an answer that it is old.
    pub fn with_mark<M>(self, mark: M) -> CacheLayer<S, F, C, M> {
        let Self { cache, ttl, identify, codec, mark: Unmarked } = self;
        CacheLayer { cache, ttl, identify, codec, mark }
    }
}

impl<S: Watch, F: Clone, C: Clone, M: Clone, I> Layer<I> for CacheLayer<S, F, C, M> {
    type Service = Remember<S, F, C, M, I>;

    fn layer(&self, inner: I) -> Self::Service {
        let Self { cache, ttl, identify, codec, mark } = self.clone();
        Remember::new(cache, ttl, identify, codec, mark, inner)
    }
}

impl<S: Watch, F: Clone, C: Clone, M: Clone> Clone for CacheLayer<S, F, C, M> {
    fn clone(&self) -> Self {
        Self {
            cache: self.cache.clone(),
            ttl: self.ttl,
            identify: self.identify.clone(),
            codec: self.codec.clone(),
            mark: self.mark.clone(),
        }
    }
}

impl<S: Watch, F, C, M> fmt::Debug for CacheLayer<S, F, C, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CacheLayer")
            .field("cache", &self.cache)
            .field("ttl", &self.ttl)
            .finish_non_exhaustive()
    }
}
