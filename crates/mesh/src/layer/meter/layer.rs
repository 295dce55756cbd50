use tower_layer::Layer;

use super::Meter;
use super::instruments::Instruments;

/// Applies [`Meter`] to a node.
///
/// Instruments come from the recorder that is installed when a model is first asked for.
#[derive(Clone, Debug, Default)]
pub struct MeterLayer {
    instruments: Instruments,
}

impl MeterLayer {
    /// Creates a layer.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}

impl<S> Layer<S> for MeterLayer {
    type Service = Meter<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Meter::new(inner, self.instruments.clone())
    }
}
