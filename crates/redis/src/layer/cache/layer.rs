use std::fmt;
use std::time::Duration;

use tower_layer::Layer;

use super::service::Remember;
use crate::cache::Cache;
use crate::port::Watch;

/// Answers from a cache what was answered before.
pub struct CacheLayer<S: Watch, F, C> {
    cache: Cache<S>,
    ttl: Duration,
    identify: F,
    codec: C,
}

impl<S: Watch, F, C> CacheLayer<S, F, C> {
    /// Creates the layer, whose answers live for `ttl`: 1 ms to 99 years.
    ///
    /// `identify` is a `Fn(&Req) -> Option<Key>`; two requests with one key have one answer, and a request without a
    /// key is passed on. `codec` is a [`Codec`](crate::layer::idempotency::Codec) of the answers.
    pub const fn new(cache: Cache<S>, ttl: Duration, identify: F, codec: C) -> Self {
        Self { cache, ttl, identify, codec }
    }
}

impl<S: Watch, F: Clone, C: Clone, I> Layer<I> for CacheLayer<S, F, C> {
    type Service = Remember<S, F, C, I>;

    fn layer(&self, inner: I) -> Self::Service {
        Remember::new(self.cache.clone(), self.ttl, self.identify.clone(), self.codec.clone(), inner)
    }
}

impl<S: Watch, F: Clone, C: Clone> Clone for CacheLayer<S, F, C> {
    fn clone(&self) -> Self {
        Self {
            cache: self.cache.clone(),
            ttl: self.ttl,
            identify: self.identify.clone(),
            codec: self.codec.clone(),
        }
    }
}

impl<S: Watch, F, C> fmt::Debug for CacheLayer<S, F, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CacheLayer")
            .field("cache", &self.cache)
            .field("ttl", &self.ttl)
            .finish_non_exhaustive()
    }
}
