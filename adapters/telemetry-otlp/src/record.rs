//! A span as it is kept until it is sent.

use std::time::SystemTime;

use maily_errors::{SpanId, TraceContext, TraceId};

use crate::fields::Fields;

/// Where a span is: what the spans below it need to know.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    pub(crate) trace: TraceId,
    pub(crate) span: SpanId,
    pub(crate) sampled: bool,
}

impl From<TraceContext> for Place {
    fn from(context: TraceContext) -> Self {
        Self { trace: context.trace_id(), span: context.span_id(), sampled: context.is_sampled() }
    }
}

/// A span that is recorded.
#[derive(Debug)]
pub(crate) struct Record {
    pub(crate) place: Place,
    pub(crate) parent: Option<SpanId>,
    /// The parent is a span of another process.
    pub(crate) remote: bool,
    /// What it is called unless a field says it.
    pub(crate) name: &'static str,
    pub(crate) begun: SystemTime,
    pub(crate) ended: SystemTime,
    pub(crate) fields: Fields,
}

impl Record {
    /// Places a span; `None` if it belongs to no trace. `above` is the span above it in this process.
    pub(crate) fn begin(name: &'static str, fields: Fields, above: Option<Place>) -> Option<Self> {
        let trace = fields.trace.or(above.map(|above| above.trace))?;
        let above = above.filter(|above| above.trace == trace && Some(above.span) != fields.span);
        let span = fields.span.unwrap_or_else(|| TraceContext::root().span_id());
        let sampled = fields.sampled.or(above.map(|above| above.sampled)).unwrap_or(true);
        let parent = fields.parent.or(above.map(|above| above.span));
        let remote = parent.is_some() && parent != above.map(|above| above.span);
        let begun = SystemTime::now();
        Some(Self {
            place: Place { trace, span, sampled },
            parent,
            remote,
            name,
            begun,
            ended: begun,
            fields,
        })
    }
}
