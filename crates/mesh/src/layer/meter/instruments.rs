use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use maily_errors::{Code, Error};
use metrics::{Counter, Histogram, Label, SharedString, Unit};
use parking_lot::RwLock;

use super::histogram::{BETWEEN, DURATION, FIRST_CHUNK, FIRST_TOKEN, HISTOGRAMS, PER_TOKEN, TOKENS};
use crate::model::{Format, ModelName};
use crate::wire::Tokens;

/// The instruments of each model. Looking one up is a read lock; only errors build labels.
#[derive(Clone, Debug, Default)]
pub(super) struct Instruments {
    models: Arc<RwLock<HashMap<ModelName, Vec<Arc<OfModel>>>>>,
}

/// What an operation is, beside its model.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Kind {
    operation: &'static str,
    /// None: it failed before a node answered.
    provider: Option<&'static str>,
}

/// The instruments of one model, for one operation at one provider.
pub(super) struct OfModel {
    kind: Kind,
    model: Label,
    ok: Counter,
    canceled: Counter,
    input: Histogram,
    output: Histogram,
    first_token: Histogram,
    first_chunk: Histogram,
    duration: Histogram,
    pub(super) between: Histogram,
    pub(super) per_token: Histogram,
}

impl Kind {
    pub(super) const fn new(format: Format, provider: Option<&'static str>) -> Self {
        Self { operation: format.operation(), provider }
    }
}

impl Instruments {
    /// Returns the instruments of a model. Past [`MOST_MODELS`] names all share those of `other`: a node that serves any
    /// model answers to whatever clients make up.
    pub(super) fn of(&self, model: &ModelName, kind: Kind) -> Arc<OfModel> {
        let of = |known: &Vec<Arc<OfModel>>| known.iter().find(|of| of.kind == kind).cloned();
        if let Some(known) = self.models.read().get(model).and_then(of) {
            return known;
        }
        let mut models = self.models.write();
        let is_full = models.len() >= MOST_MODELS && !models.contains_key(model);
        let model = if is_full { ModelName::new("other") } else { model.clone() };
        let known = models.entry(model.clone()).or_default();
        of(known).unwrap_or_else(|| {
            let fresh = Arc::new(OfModel::new(model.as_str(), kind));
            known.push(fresh.clone());
            fresh
        })
    }

    /// A prompt that failed before a node answered.
    pub(super) fn failed(&self, model: &ModelName, kind: Kind, took: Duration, err: &Error) {
        // Clients cannot make labels up.
        let unknown = (err.code() == Code::ModelNotFound).then(|| ModelName::new("unknown"));
        self.of(unknown.as_ref().unwrap_or(model), kind).failed(took, err);
    }
}

impl OfModel {
    fn new(model: &str, kind: Kind) -> Self {
        describe();
        let name = |key| Label::new(key, SharedString::from_owned(model.to_owned()));
        let labels = kind.labels(name(MODEL));
        let of = |name: &'static str| metrics::histogram!(name, labels.clone());
        let tokens = |of: &'static str| {
            let mut labels = labels.clone();
            labels.push(Label::from_static_parts("gen_ai_token_type", of));
            metrics::histogram!(TOKENS.name, labels)
        };
        let model = name("model");
        Self {
            kind,
            ok: count(model.clone(), "ok"),
            canceled: count(model.clone(), CANCELED),
            input: tokens("input"),
            output: tokens("output"),
            first_token: of(FIRST_TOKEN.name),
            first_chunk: of(FIRST_CHUNK.name),
            duration: of(DURATION.name),
            between: of(BETWEEN.name),
            per_token: of(PER_TOKEN.name),
            model,
        }
    }

    /// The stream began.
    pub(super) fn begun(&self, waited: Duration) {
        self.first_chunk.record(waited);
        self.first_token.record(waited);
    }

    /// The node said how many tokens it took.
    pub(super) fn used(&self, tokens: Tokens) {
        self.input.record(tokens.prompt as f64);
        self.output.record(tokens.answer as f64);
    }

    pub(super) fn ok(&self, took: Duration) {
        self.ok.increment(1);
        self.duration.record(took);
    }

    pub(super) fn canceled(&self, took: Duration) {
        self.canceled.increment(1);
        self.took(took, CANCELED);
    }

    pub(super) fn failed(&self, took: Duration, err: &Error) {
        let name = err.code().name();
        count(self.model.clone(), name).increment(1);
        self.took(took, name);
    }

    /// How long what was not answered took.
    fn took(&self, took: Duration, error: &'static str) {
        let model = Label::new(MODEL, self.model.value().to_owned());
        let mut labels = self.kind.labels(model);
        labels.push(Label::from_static_parts("error_type", error));
        metrics::histogram!(DURATION.name, labels).record(took);
    }
}

impl std::fmt::Debug for OfModel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("OfModel").field(&self.model).field(&self.kind).finish()
    }
}

impl Kind {
    fn labels(self, model: Label) -> Vec<Label> {
        let mut labels = vec![Label::from_static_parts("gen_ai_operation_name", self.operation), model];
        let provider = self.provider.map(|of| Label::from_static_parts("gen_ai_provider_name", of));
        labels.extend(provider);
        labels
    }
}

fn count(model: Label, outcome: &'static str) -> Counter {
    metrics::counter!("maily_mesh_requests_total", vec![model, Label::from_static_parts("outcome", outcome)])
}

/// Tells the recorder what the instruments are, which may have come after those of another model.
fn describe() {
    for of in HISTOGRAMS {
        let unit = if of.name == TOKENS.name { Unit::Count } else { Unit::Seconds };
        metrics::describe_histogram!(of.name, unit, of.about);
    }
    metrics::describe_counter!("maily_mesh_requests_total", "Prompts by model and by how they ended.");
}

/// The most models that have instruments of their own.
pub(super) const MOST_MODELS: usize = 1000;
const MODEL: &str = "gen_ai_request_model";
const CANCELED: &str = "canceled";
