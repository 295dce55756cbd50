use tower_layer::Layer;

use super::service::Limit;

/// Makes a [`Limit`] around a service.
#[derive(Clone, Copy, Debug)]
pub struct LimitLayer {
    max_bytes: usize,
}

impl LimitLayer {
    /// Lets messages of at most `max_bytes` pass.
    #[must_use]
    pub const fn new(max_bytes: usize) -> Self {
        Self { max_bytes }
    }
}

impl<S> Layer<S> for LimitLayer {
    type Service = Limit<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Limit::new(inner, self.max_bytes)
    }
}
