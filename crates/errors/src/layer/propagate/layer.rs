use tower_layer::Layer;

use super::service::Propagate;

/// Passes the current trace on.
#[derive(Clone, Copy, Debug, Default)]
pub struct PropagateLayer;

impl<S> Layer<S> for PropagateLayer {
    type Service = Propagate<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Propagate::new(inner)
    }
}
