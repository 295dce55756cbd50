use tower_layer::Layer;

use super::Limit;

/// Makes [`Limit`] services.
#[derive(Clone, Copy, Debug)]
pub struct LimitLayer {
    frames_per_second: u32,
    bytes_per_second: u32,
}

impl LimitLayer {
    /// Creates a layer that lets this many frames and bytes a second through; one second's worth may come at once.
    #[must_use]
    pub const fn new(frames_per_second: u32, bytes_per_second: u32) -> Self {
        Self { frames_per_second, bytes_per_second }
    }
}

impl<S> Layer<S> for LimitLayer {
    type Service = Limit<S>;

    fn layer(&self, inner: S) -> Limit<S> {
        Limit::new(inner, self.frames_per_second, self.bytes_per_second)
    }
}
