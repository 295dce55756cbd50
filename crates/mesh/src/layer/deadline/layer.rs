use std::time::Duration;

use tower_layer::Layer;

use super::Deadline;

/// How long a node may be silent, phase by phase. The prompt's own deadline bounds them all.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Limits {
    /// From the call to the head of a streamed answer.
    pub headers: Duration,
    /// From the call to the first token of a streamed answer.
    pub first_token: Duration,
    /// From one token of a stream to the next.
    pub between: Duration,
    /// From the call to the end of an answer that comes as one object.
    pub whole: Duration,
}

impl Default for Limits {
    /// 30 s to the head, 60 s to the first token, 30 s between tokens, 300 s for an answer in one piece.
    fn default() -> Self {
        Self {
            headers: Duration::from_secs(30),
            first_token: Duration::from_secs(60),
            between: Duration::from_secs(30),
            whole: Duration::from_secs(300),
        }
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
