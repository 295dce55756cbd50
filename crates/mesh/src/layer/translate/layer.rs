use tower_layer::Layer;

use super::Translate;
use crate::model::Formats;

/// Applies [`Translate`] to a node.
#[derive(Clone, Copy, Debug, Default)]
pub struct TranslateLayer {
    native: Formats,
}

impl TranslateLayer {
    /// Creates a layer for a node that takes these formats as they are.
    #[must_use]
    pub const fn new(native: Formats) -> Self {
        Self { native }
    }
}

impl<S> Layer<S> for TranslateLayer {
    type Service = Translate<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Translate::new(inner, self.native)
    }
}
