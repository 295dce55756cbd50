use std::sync::Arc;

use tower_layer::Layer;

use super::service::ProblemService;
use crate::memory::LogReport;
use crate::port::Report;

/// Answers an error with its problem document.
#[derive(Clone, Debug)]
pub struct ProblemLayer {
    report: Arc<dyn Report>,
    service: Option<Arc<str>>,
}

impl ProblemLayer {
    /// Creates the layer with another place for what no response may show.
    pub fn new(report: impl Report + 'static) -> Self {
        Self { report: Arc::new(report), service: None }
    }

    /// Names the service that answers, as the [causes](crate::Causes) of its documents spell it.
    ///
    /// Below [`layer::trace`](crate::layer::trace), which knows the name, there is no need to.
    #[must_use]
    pub fn with_service(mut self, name: impl Into<Arc<str>>) -> Self {
        self.service = Some(name.into());
        self
    }
}

impl Default for ProblemLayer {
    /// Reports to the log.
    fn default() -> Self {
        Self::new(LogReport)
    }
}

impl<S> Layer<S> for ProblemLayer {
    type Service = ProblemService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        ProblemService::new(inner, Arc::clone(&self.report), self.service.clone())
    }
}
