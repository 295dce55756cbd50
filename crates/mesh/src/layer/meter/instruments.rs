use std::collections::HashMap;
use std::sync::Arc;

use maily_errors::{Code, Error};
use metrics::{Counter, Histogram, Label, SharedString};
use parking_lot::RwLock;

use crate::model::ModelName;

/// The instruments of each model. Looking one up is a read lock; only errors build a label.
#[derive(Clone, Debug, Default)]
pub(super) struct Instruments {
    models: Arc<RwLock<HashMap<ModelName, Arc<OfModel>>>>,
}

/// The instruments of one model.
pub(super) struct OfModel {
    model: Label,
    ok: Counter,
    canceled: Counter,
    pub(super) first_token: Histogram,
    pub(super) between: Histogram,
    pub(super) duration: Histogram,
}

impl Instruments {
    /// Models that a node serves; the operator named them, so there are few.
    pub(super) fn of(&self, model: &ModelName) -> Arc<OfModel> {
        let known = self.models.read().get(model).cloned();
        known.unwrap_or_else(|| {
            let fresh = Arc::new(OfModel::new(model.as_str()));
            self.models.write().entry(model.clone()).or_insert(fresh).clone()
        })
    }

    /// A prompt that failed before a node answered.
    pub(super) fn failed(&self, model: &ModelName, err: &Error) {
        if err.code() == Code::ModelNotFound {
            count(Label::from_static_parts("model", "unknown"), err.code().name()).increment(1);
        } else {
            self.of(model).failed(err);
        }
    }
}

impl OfModel {
    fn new(model: &str) -> Self {
        let model = Label::new("model", SharedString::from_owned(model.to_owned()));
        let of = |name: &'static str| metrics::histogram!(name, vec![model.clone()]);
        Self {
            ok: count(model.clone(), "ok"),
            canceled: count(model.clone(), "canceled"),
            first_token: of("gen_ai_server_time_to_first_token_seconds"),
            between: of("gen_ai_server_time_per_output_token_seconds"),
            duration: of("gen_ai_server_request_duration_seconds"),
            model,
        }
    }

    pub(super) fn ok(&self) {
        self.ok.increment(1);
    }

    pub(super) fn canceled(&self) {
        self.canceled.increment(1);
    }

    pub(super) fn failed(&self, err: &Error) {
        count(self.model.clone(), err.code().name()).increment(1);
    }
}

impl std::fmt::Debug for OfModel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("OfModel").field(&self.model).finish()
    }
}

fn count(model: Label, outcome: &'static str) -> Counter {
    metrics::counter!("maily_mesh_requests_total", vec![model, Label::from_static_parts("outcome", outcome)])
}
