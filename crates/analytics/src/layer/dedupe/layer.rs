use std::sync::Arc;

use parking_lot::Mutex;
use tower_layer::Layer;

use super::Dedupe;
use super::recent::Recent;

/// Makes [`Dedupe`] services that share what they remember.
#[derive(Clone, Debug)]
pub struct DedupeLayer {
    recent: Arc<Mutex<Recent>>,
}

impl DedupeLayer {
    /// Creates a layer that remembers the newest `limit` events.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self { recent: Arc::new(Mutex::new(Recent::new(limit))) }
    }
}

impl<S> Layer<S> for DedupeLayer {
    type Service = Dedupe<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Dedupe::new(inner, self.recent.clone())
    }
}
