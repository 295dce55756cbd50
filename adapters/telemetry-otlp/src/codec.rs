//! Spans to the bytes that a collector reads, and its answer back: with the official types of OTLP.

use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::{
    AnyValue, ArrayValue, InstrumentationScope, KeyValue, any_value,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};
use prost::Message;
use uuid::Uuid;

use crate::config::TelemetryConfig;
use crate::fields::{Kind, Value};
use crate::record::Record;

/// Says which process the spans are of.
///
/// `service.instance.id` is random: two processes with the same name are told apart.
pub(crate) fn resource(config: &TelemetryConfig) -> Resource {
    let instance = Uuid::new_v4().to_string();
    let own = [
        ("service.name", config.service.as_str()),
        ("service.version", VERSION),
        ("service.instance.id", &instance),
        ("telemetry.sdk.name", SCOPE),
        ("telemetry.sdk.language", "rust"),
        ("telemetry.sdk.version", VERSION),
    ];
    let own = own.into_iter().filter(|(name, _)| !config.resource.contains_key(*name));
    let said = config.resource.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let attributes = own.chain(said).map(|(name, value)| attribute(name, text(value))).collect();
    Resource { attributes, ..Resource::default() }
}

/// Writes one request.
#[expect(clippy::vec_box, reason = "they are boxed already")]
pub(crate) fn request(resource: &Resource, batch: Vec<Box<Record>>) -> Bytes {
    let scope = InstrumentationScope {
        name: SCOPE.to_owned(),
        version: VERSION.to_owned(),
        ..InstrumentationScope::default()
    };
    let spans = batch.into_iter().map(|record| span(*record)).collect();
    let spans = ScopeSpans { scope: Some(scope), spans, schema_url: SCHEMA.to_owned() };
    let spans = ResourceSpans {
        resource: Some(resource.clone()),
        scope_spans: vec![spans],
        schema_url: SCHEMA.to_owned(),
    };
    ExportTraceServiceRequest { resource_spans: vec![spans] }.encode_to_vec().into()
}

/// Reads how many spans a collector took the request but not the spans of, and why.
pub(crate) fn rejected(answer: &[u8]) -> Option<(usize, String)> {
    let partial = ExportTraceServiceResponse::decode(answer).ok()?.partial_success?;
    let spans = usize::try_from(partial.rejected_spans).unwrap_or(0);
    (spans > 0).then_some((spans, partial.error_message))
}

fn span(record: Record) -> Span {
    let Record { place, parent, remote, name, begun, ended, fields } = record;
    let attributes = fields.attributes.into_iter().map(|(name, said)| attribute(name, value(name, said)));
    let code = if fields.failed { StatusCode::Error } else { StatusCode::Unset };
    Span {
        trace_id: place.trace.to_bytes().to_vec(),
        span_id: place.span.to_bytes().to_vec(),
        parent_span_id: parent.map(|parent| parent.to_bytes().to_vec()).unwrap_or_default(),
        flags: SAMPLED | KNOWS_REMOTE | if remote { IS_REMOTE } else { 0 },
        name: fields.name.unwrap_or_else(|| name.to_owned()),
        kind: kind(fields.kind).into(),
        start_time_unix_nano: nanoseconds(begun),
        end_time_unix_nano: nanoseconds(ended),
        attributes: attributes.collect(),
        status: fields.failed.then(|| Status { code: code.into(), message: String::new() }),
        ..Span::default()
    }
}

const fn kind(kind: Kind) -> SpanKind {
    match kind {
        Kind::Client => SpanKind::Client,
        Kind::Consumer => SpanKind::Consumer,
        Kind::Internal => SpanKind::Internal,
        Kind::Producer => SpanKind::Producer,
        Kind::Server => SpanKind::Server,
    }
}

fn attribute(name: &str, value: AnyValue) -> KeyValue {
    KeyValue { key: name.to_owned(), value: Some(value), ..KeyValue::default() }
}

fn value(name: &str, value: Value) -> AnyValue {
    let value = match value {
        Value::Flag(flag) => any_value::Value::BoolValue(flag),
        Value::Float(number) => any_value::Value::DoubleValue(number),
        Value::Integer(number) => any_value::Value::IntValue(number),
        // A field of a span has one value; a list was written as Rust writes it, which for plain words is JSON.
        Value::Text(words) if LISTS.contains(&name) => match serde_json::from_str::<Vec<String>>(&words) {
            Ok(words) => {
                let values = words.iter().map(|word| text(word)).collect();
                any_value::Value::ArrayValue(ArrayValue { values })
            }
            Err(_) => any_value::Value::StringValue(words),
        },
        Value::Text(text) => any_value::Value::StringValue(text),
    };
    AnyValue { value: Some(value) }
}

fn text(text: &str) -> AnyValue {
    AnyValue { value: Some(any_value::Value::StringValue(text.to_owned())) }
}

fn nanoseconds(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

const SCOPE: &str = "maily";
const VERSION: &str = env!("CARGO_PKG_VERSION");
/// The conventions by which attributes are named.
const SCHEMA: &str = "https://opentelemetry.io/schemas/1.41.0";
/// The attributes that are lists of words.
const LISTS: [&str; 1] = ["gen_ai.response.finish_reasons"];
/// The flags of a span: the low byte is that of `traceparent`.
const SAMPLED: u32 = 1;
const KNOWS_REMOTE: u32 = 0x100;
const IS_REMOTE: u32 = 0x200;

#[cfg(test)]
mod tests {
    use maily_errors::TraceContext;

    use super::*;
    use crate::fields::Fields;
    use crate::record::Place;

    fn sent(fields: Fields, above: Option<Place>) -> Span {
        let record = Record::begin("prompt", fields, above).unwrap();
        let bytes = request(&resource(&TelemetryConfig::default()), vec![Box::new(record)]);
        let mut request = ExportTraceServiceRequest::decode(bytes).unwrap();
        request.resource_spans.remove(0).scope_spans.remove(0).spans.remove(0)
    }

    #[test]
    fn ids_are_those_that_travel() {
        let (here, caller) = (TraceContext::root(), TraceContext::root());
        let fields = Fields {
            trace: Some(here.trace_id()),
            span: Some(here.span_id()),
            parent: Some(caller.span_id()),
            ..Fields::default()
        };

        let span = sent(fields, None);

        assert_eq!(span.trace_id, here.trace_id().to_bytes());
        assert_eq!(span.span_id, here.span_id().to_bytes());
        assert_eq!(span.parent_span_id, caller.span_id().to_bytes());
        assert_eq!(span.flags, SAMPLED | KNOWS_REMOTE | IS_REMOTE);
    }

    #[test]
    fn span_without_ids_is_below_the_one_around_it() {
        let above = Place::from(TraceContext::root());

        let span = sent(Fields::default(), Some(above));

        assert_eq!(span.trace_id, above.trace.to_bytes());
        assert_eq!(span.parent_span_id, above.span.to_bytes());
        assert_ne!(span.span_id, above.span.to_bytes());
        assert_eq!(span.flags & IS_REMOTE, 0);
    }

    #[test]
    fn span_in_no_trace_is_none() {
        assert!(Record::begin("room", Fields::default(), None).is_none());
    }

    #[test]
    fn reasons_are_a_list_and_other_texts_are_texts() {
        let list = value("gen_ai.response.finish_reasons", Value::Text(r#"["stop", "length"]"#.to_owned()));
        let other = value("url.path", Value::Text(r#"["stop"]"#.to_owned()));

        let Some(any_value::Value::ArrayValue(list)) = list.value else { panic!("a list") };
        assert_eq!(list.values, [text("stop"), text("length")]);
        assert_eq!(other, text(r#"["stop"]"#));
    }

    #[test]
    fn attribute_of_the_settings_replaces_our_own() {
        let mut config = TelemetryConfig::default();
        config.resource.insert("service.version".to_owned(), "7".to_owned());

        let resource = resource(&config);

        let versions: Vec<_> =
            resource.attributes.iter().filter(|said| said.key == "service.version").collect();
        assert_eq!(versions.len(), 1);
        assert_eq!(versions[0].value, Some(text("7")));
    }
}
