use std::sync::Arc;

use tower_layer::Layer;

use super::service::Trace;

/// Makes each request a step of its trace.
#[derive(Clone, Debug)]
pub struct TraceLayer {
    service: Arc<str>,
}

impl TraceLayer {
    /// Creates the layer with the name of the service, as [causes](crate::Causes) spell it.
    pub fn new(service: impl Into<Arc<str>>) -> Self {
        Self { service: service.into() }
    }
}

impl<S> Layer<S> for TraceLayer {
    type Service = Trace<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Trace::new(inner, Arc::clone(&self.service))
    }
}
