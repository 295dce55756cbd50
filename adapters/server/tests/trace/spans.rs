//! What a subscriber is told, by the ids that travel.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::{Arc, OnceLock};

use maily_errors::{SpanId, TraceId};
use parking_lot::Mutex;
use tracing::Subscriber;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;

/// Every span with ids that was opened in this process.
#[derive(Clone, Default)]
pub(crate) struct Spans(Arc<Mutex<HashMap<u64, Span>>>);

/// One of them, with its fields as text.
#[derive(Clone)]
pub(crate) struct Span {
    pub(crate) name: &'static str,
    pub(crate) trace: TraceId,
    pub(crate) id: SpanId,
    pub(crate) above: Option<SpanId>,
    pub(crate) fields: BTreeMap<&'static str, String>,
}

impl Spans {
    /// Returns the spans of this process, which all tests share: the server has threads of its own.
    pub(crate) fn installed() -> Self {
        static SHARED: OnceLock<Spans> = OnceLock::new();
        let install = || {
            let spans = Self::default();
            tracing_subscriber::registry().with(spans.clone()).init();
            spans
        };
        SHARED.get_or_init(install).clone()
    }

    pub(crate) fn of(&self, id: SpanId) -> Span {
        let spans = self.0.lock();
        spans.values().find(|span| span.id == id).cloned().expect("a span of this id")
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Spans {
    fn on_new_span(&self, attributes: &Attributes<'_>, key: &Id, context: Context<'_, S>) {
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        let Fields(fields) = fields;
        let id = |name| fields.get(name).map(String::as_str);
        let (Some(trace), Some(id)) = (id("trace_id"), id("span_id")) else { return };
        let (trace, id) = (trace.parse().unwrap(), id.parse().unwrap());
        let parent = context.span(key).and_then(|span| span.parent()).map(|parent| parent.id().into_u64());
        let mut spans = self.0.lock();
        let above = parent.and_then(|parent| spans.get(&parent)).map(|parent| parent.id);
        let name = attributes.metadata().name();
        spans.insert(key.into_u64(), Span { name, trace, id, above, fields });
    }

    fn on_record(&self, key: &Id, values: &Record<'_>, _: Context<'_, S>) {
        if let Some(span) = self.0.lock().get_mut(&key.into_u64()) {
            let mut fields = Fields(std::mem::take(&mut span.fields));
            values.record(&mut fields);
            span.fields = fields.0;
        }
    }
}

#[derive(Default)]
struct Fields(BTreeMap<&'static str, String>);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.insert(field.name(), format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name(), value.to_owned());
    }
}
