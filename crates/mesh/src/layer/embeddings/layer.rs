use std::sync::{Arc, OnceLock};
use std::time::Duration;

use metrics::{Histogram, Label};
use tower_layer::Layer;

use super::Embeddings;
use crate::layer::meter::DURATION;
use crate::model::ModelName;

/// Applies [`Embeddings`] to an embedder.
#[derive(Clone, Debug)]
pub struct EmbeddingsLayer {
    about: Arc<About>,
}

impl EmbeddingsLayer {
    /// Creates a layer for a model, and for whoever runs it as `gen_ai.provider.name` has it.
    pub fn new(provider: &'static str, model: impl Into<ModelName>) -> Self {
        Self { about: Arc::new(About { provider, model: model.into(), whole: OnceLock::new() }) }
    }
}

impl<S> Layer<S> for EmbeddingsLayer {
    type Service = Embeddings<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Embeddings::new(inner, self.about.clone())
    }
}

/// What is called, and the instrument of calls that succeed.
pub(super) struct About {
    pub(super) provider: &'static str,
    pub(super) model: ModelName,
    whole: OnceLock<Histogram>,
}

impl About {
    pub(super) fn succeeded(&self, took: Duration) {
        self.whole.get_or_init(|| metrics::histogram!(DURATION.name, self.labels())).record(took);
    }

    pub(super) fn failed(&self, took: Duration, code: &'static str) {
        let mut labels = self.labels();
        labels.push(Label::from_static_parts("error_type", code));
        metrics::histogram!(DURATION.name, labels).record(took);
    }

    fn labels(&self) -> Vec<Label> {
        vec![
            Label::from_static_parts("gen_ai_operation_name", OPERATION),
            Label::new("gen_ai_request_model", self.model.to_string()),
            Label::from_static_parts("gen_ai_provider_name", self.provider),
        ]
    }
}

impl std::fmt::Debug for About {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("About").field("provider", &self.provider).field("model", &self.model).finish()
    }
}

pub(super) const OPERATION: &str = "embeddings";
