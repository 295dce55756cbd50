use tower_layer::Layer;

use super::Trace;
use crate::layer::Database;

/// Applies [`Trace`] to a transport.
#[derive(Clone, Copy, Debug)]
pub struct TraceLayer {
    database: Database,
}

impl TraceLayer {
    /// Creates a layer for the transport to a database.
    #[must_use]
    pub const fn new(database: Database) -> Self {
        Self { database }
    }
}

impl<S> Layer<S> for TraceLayer {
    type Service = Trace<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Trace::new(inner, self.database)
    }
}
