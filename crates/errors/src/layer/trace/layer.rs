use std::sync::Arc;

use tower_layer::Layer;

use super::service::Trace;

/// Makes each request a step of its trace.
#[derive(Clone, Debug)]
pub struct TraceLayer {
    service: Arc<str>,
    sampled_pct: f64,
}

impl TraceLayer {
    /// Creates the layer with the name of the service, as [causes](crate::Causes) spell it.
    pub fn new(service: impl Into<Arc<str>>) -> Self {
        Self { service: service.into(), sampled_pct: 100.0 }
    }

    /// Sets how many of the traces that begin here are recorded, in percent: 100.0 unless it is set.
    ///
    /// A request that comes with a trace keeps the flag of its caller.
    #[must_use]
    pub const fn with_sampled_pct(mut self, sampled_pct: f64) -> Self {
        self.sampled_pct = sampled_pct;
        self
    }
}

impl<S> Layer<S> for TraceLayer {
    type Service = Trace<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Trace::new(inner, Arc::clone(&self.service), self.sampled_pct)
    }
}
