use std::time::Duration;

use tower_layer::Layer;

use super::Deadline;

/// How long a node may be silent.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Limits {
    /// From the call to the first byte of the body.
    pub first_byte: Duration,
    /// From one chunk of the body to the next.
    pub between: Duration,
}

impl Default for Limits {
    /// 60 s to the first byte, 30 s between chunks.
    fn default() -> Self {
        Self { first_byte: Duration::from_secs(60), between: Duration::from_secs(30) }
    }
}

/// Applies [`Deadline`] to a node.
#[derive(Clone, Copy, Debug)]
pub struct DeadlineLayer {
    limits: Limits,
}

impl DeadlineLayer {
    /// Creates a layer.
    #[must_use]
    pub const fn new(limits: Limits) -> Self {
        Self { limits }
    }
}

impl<S> Layer<S> for DeadlineLayer {
    type Service = Deadline<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Deadline::new(inner, self.limits)
    }
}
