use tower_layer::Layer;

use super::{Keys, Limit};

/// Applies [`Limit`] to a node; its clones and services share the keys.
#[derive(Clone, Debug, Default)]
pub struct LimitLayer {
    keys: Keys,
}

impl LimitLayer {
    /// Creates a layer that goes by these keys.
    #[must_use]
    pub const fn new(keys: Keys) -> Self {
        Self { keys }
    }
}

impl<S> Layer<S> for LimitLayer {
    type Service = Limit<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Limit::new(inner, self.keys.clone())
    }
}
