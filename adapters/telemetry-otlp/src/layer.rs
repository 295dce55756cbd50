//! What the subscriber is told of spans.

use std::sync::Arc;
use std::time::SystemTime;

use maily_errors::TraceContext;
use tracing::span::{Attributes, Id};
use tracing::{Level, Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::{Context, Filter};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::registry::SpanRef;

use crate::fields::Fields;
use crate::queue::Queue;
use crate::record::{Place, Record};

/// Keeps each span of a trace from its beginning to its end, and queues it then.
#[derive(Debug)]
pub(crate) struct SpanLayer(pub(crate) Arc<Queue>);

/// What a span has with it as long as it is open.
struct Open {
    place: Place,
    /// None in a trace that is not sampled.
    record: Option<Box<Record>>,
}

impl<S> Layer<S> for SpanLayer
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        let above = span.parent().as_ref().and_then(place);
        let above = above.or_else(|| TraceContext::current().map(Place::from));
        let Some(record) = Record::begin(attributes.metadata().name(), fields, above) else { return };
        let place = record.place;
        let record = place.sampled.then(|| Box::new(record));
        span.extensions_mut().replace(Open { place, record });
    }

    fn on_record(&self, id: &Id, values: &tracing::span::Record<'_>, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        if let Some(Open { record: Some(record), .. }) = span.extensions_mut().get_mut() {
            values.record(&mut record.fields);
        }
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        let open = context.span(&id).and_then(|span| span.extensions_mut().remove::<Open>());
        if let Some(Open { record: Some(mut record), .. }) = open {
            record.ended = SystemTime::now().max(record.begun);
            self.0.push(record);
        }
    }
}

fn place<'a, S: LookupSpan<'a>>(span: &SpanRef<'a, S>) -> Option<Place> {
    span.extensions().get::<Open>().map(|open| open.place)
}

/// Wants the spans of this project, and nothing else: neither events nor what the libraries below say.
#[derive(Debug)]
pub(crate) struct OurSpans;

impl OurSpans {
    fn wants(of: &Metadata<'_>) -> bool {
        of.is_span() && *of.level() <= Level::INFO && of.target().starts_with("maily")
    }
}

impl<S> Filter<S> for OurSpans {
    fn enabled(&self, of: &Metadata<'_>, _: &Context<'_, S>) -> bool {
        Self::wants(of)
    }

    fn callsite_enabled(&self, of: &'static Metadata<'static>) -> tracing::subscriber::Interest {
        if Self::wants(of) {
            tracing::subscriber::Interest::always()
        } else {
            tracing::subscriber::Interest::never()
        }
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(LevelFilter::INFO)
    }
}
