use tower_layer::Layer;

use super::service::Decode;

/// Reads the problem document of a failed call.
#[derive(Clone, Copy, Debug)]
pub struct DecodeLayer {
    max_bytes: usize,
}

impl DecodeLayer {
    /// Creates the layer with the most bytes of an error's body that it reads.
    #[must_use]
    pub const fn new(max_bytes: usize) -> Self {
        Self { max_bytes }
    }
}

impl<S> Layer<S> for DecodeLayer {
    type Service = Decode<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Decode::new(inner, self.max_bytes)
    }
}
