use std::fmt;

use tower_layer::Layer;

use super::service::Once;
use crate::idempotency::Idempotency;

/// Runs a request once per idempotency key.
#[derive(Clone)]
pub struct IdempotencyLayer<S, F, C> {
    idempotency: Idempotency<S>,
    identify: F,
    codec: C,
}

impl<S, F, C> IdempotencyLayer<S, F, C> {
    /// Creates the layer.
    ///
    /// `identify` is a `Fn(&Req) -> Option<(Key, Fingerprint)>`: the key of a request, and what the request says. A
    /// request without a key is passed on as it is. `codec` is a [`Codec`](super::Codec) of the responses.
    pub const fn new(idempotency: Idempotency<S>, identify: F, codec: C) -> Self {
        Self { idempotency, identify, codec }
    }
}

impl<S: Clone, F: Clone, C: Clone, I> Layer<I> for IdempotencyLayer<S, F, C> {
    type Service = Once<S, F, C, I>;

    fn layer(&self, inner: I) -> Self::Service {
        Once::new(self.idempotency.clone(), self.identify.clone(), self.codec.clone(), inner)
    }
}

impl<S: fmt::Debug, F, C> fmt::Debug for IdempotencyLayer<S, F, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IdempotencyLayer").field("idempotency", &self.idempotency).finish_non_exhaustive()
    }
}
