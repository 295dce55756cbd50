use std::fmt;

use tower_layer::Layer;

use super::service::Limit;
use crate::limit::Limiter;

/// Refuses requests over a rate.
#[derive(Clone)]
pub struct LimitLayer<S, K> {
    limiter: Limiter<S>,
    name: K,
}

impl<S, K> LimitLayer<S, K> {
    /// Creates the layer with what says under which name a request counts: `Fn(&Req) -> Option<Key>`. Without a name it
    /// is not limited, so a name that is no key must not become none: a client could choose it.
    pub const fn new(limiter: Limiter<S>, name: K) -> Self {
        Self { limiter, name }
    }
}

impl<S: Clone, K: Clone, I> Layer<I> for LimitLayer<S, K> {
    type Service = Limit<S, K, I>;

    fn layer(&self, inner: I) -> Self::Service {
        Limit::new(self.limiter.clone(), self.name.clone(), inner)
    }
}

impl<S: fmt::Debug, K> fmt::Debug for LimitLayer<S, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LimitLayer").field("limiter", &self.limiter).finish_non_exhaustive()
    }
}
