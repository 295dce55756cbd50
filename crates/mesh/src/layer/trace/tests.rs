use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use futures_util::StreamExt;
use maily_errors::testing::listen;
use maily_errors::{Code, TraceContext};
use parking_lot::Mutex;
use tower::{Layer, ServiceExt};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing_subscriber::layer::{Context, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;

use super::TraceLayer;
use crate::balance::{Balance, Node, Nodes};
use crate::memory::{Scripted, Step};
use crate::model::{Endpoint, Format, Formats, Message, Prompt};

#[tokio::test]
async fn prompt_without_a_trace_begins_one() {
    let node = Scripted::new([Step::Answer("Hello".into())]);

    TraceLayer::new().layer(node.clone()).oneshot(Prompt::text("m", "Hi").unwrap()).await.unwrap();

    assert!(node.seen()[0].head.trace.is_some());
}

#[tokio::test]
async fn node_sees_a_step_below_the_caller() {
    let node = Scripted::new([Step::Answer("Hello".into())]);
    let caller = TraceContext::root();
    let prompt = Prompt::text("m", "Hi").unwrap().with_trace(caller);

    TraceLayer::new().layer(node.clone()).oneshot(prompt).await.unwrap();

    let seen = node.seen()[0].head.trace.unwrap();
    assert_eq!(seen.trace_id(), caller.trace_id());
    assert_ne!(seen, caller);
}

#[tokio::test]
async fn prompt_of_a_request_goes_on_in_its_trace() {
    let node = Scripted::new([Step::Answer("Hello".into())]);
    let request = TraceContext::root();

    let answer = TraceLayer::new().layer(node.clone()).oneshot(Prompt::text("m", "Hi").unwrap());
    request.scope(answer).await.unwrap();

    assert_eq!(node.seen()[0].head.trace.unwrap().trace_id(), request.trace_id());
}

/// The fields of every span, by its name, and the name of the span above it.
#[derive(Clone, Default)]
struct Spans(Arc<Mutex<BTreeMap<u64, Fields>>>);

#[derive(Clone, Debug, Default)]
struct Fields {
    name: &'static str,
    above: Option<&'static str>,
    values: BTreeMap<&'static str, String>,
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.values.insert(field.name(), format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.values.insert(field.name(), value.to_owned());
    }
}

impl<S: tracing::Subscriber + for<'a> LookupSpan<'a>> tracing_subscriber::Layer<S> for Spans {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let above = context.span(id).and_then(|span| span.parent()).map(|parent| parent.name());
        let mut fields = Fields { name: attributes.metadata().name(), above, ..Fields::default() };
        attributes.record(&mut fields);
        self.0.lock().insert(id.into_u64(), fields);
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, _: Context<'_, S>) {
        self.0.lock().get_mut(&id.into_u64()).into_iter().for_each(|fields| values.record(fields));
    }
}

/// Asks a mesh of one node and reads so many chunks; returns the span of the prompt, then that of the attempt.
fn spans(step: Step, prompt: Prompt, read: usize) -> [Fields; 2] {
    let spans = Spans::default();
    let _heard = listen(tracing_subscriber::registry().with(spans.clone()));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(async {
        let nodes = Nodes::default();
        let endpoint = Endpoint::of("https", Formats::CHAT, "https://api.groq.com/openai/v1");
        nodes.insert(Node::new("vendor", Scripted::new([step])).with_endpoint(endpoint));
        if let Ok(answer) = TraceLayer::new().layer(Balance::new(nodes)).oneshot(prompt).await {
            let _ = answer.body.take(read).collect::<Vec<_>>().await;
        }
    });
    let spans = spans.0.lock();
    let of = |name| spans.values().find(|span| span.name == name).cloned().unwrap();
    [of("prompt"), of("attempt")]
}

fn stream() -> Prompt {
    Prompt::chat("small", &[Message::user("Hi")], true).and_then(Prompt::with_stream).unwrap()
}

#[test]
fn span_has_the_names_of_the_conventions() {
    let [prompt, attempt] = spans(Step::Answer("one two".into()), stream(), usize::MAX);

    for (field, value) in [
        ("otel.name", "chat small"),
        ("otel.kind", "client"),
        ("gen_ai.operation.name", "chat"),
        ("gen_ai.provider.name", "groq"),
        ("gen_ai.request.model", "small"),
        ("gen_ai.request.stream", "true"),
        ("gen_ai.response.model", "small"),
        ("gen_ai.response.finish_reasons", "[\"stop\"]"),
        ("gen_ai.usage.input_tokens", "1"),
        ("gen_ai.usage.output_tokens", "2"),
        ("server.address", "api.groq.com"),
        ("server.port", "443"),
        ("maily.node", "vendor"),
    ] {
        assert_eq!(prompt.values.get(field).map(String::as_str), Some(value), "{field} in {prompt:?}");
    }
    assert!(prompt.values.contains_key("gen_ai.response.time_to_first_chunk"));
    assert!(!prompt.values.contains_key("error.type") && !attempt.values.contains_key("error.type"));
    assert_eq!((attempt.above, attempt.values["otel.kind"].as_str()), (Some("prompt"), "client"));
    assert_eq!(attempt.values["trace_id"], prompt.values["trace_id"]);
    assert_ne!(attempt.values["span_id"], prompt.values["span_id"]);
}

#[test]
fn operation_is_that_of_the_format() {
    let completion = Prompt::parse_as(Format::Completions, r#"{"model":"small","prompt":"Hi"}"#).unwrap();

    let [prompt, _] = spans(Step::Answer("one".into()), completion, usize::MAX);

    assert_eq!(prompt.values["otel.name"], "text_completion small");
    assert_eq!(prompt.values["gen_ai.operation.name"], "text_completion");
}

#[test]
fn failure_is_in_the_span_before_and_within_the_answer() {
    for (step, code) in
        [(Step::Fail(Code::NodeFailed), "node-failed"), (Step::Cut("half".into()), "stream-cut")]
    {
        let [prompt, attempt] = spans(step, stream(), usize::MAX);

        for span in [prompt, attempt] {
            assert_eq!(span.values["error.type"], code);
            assert_eq!(span.values["otel.status_code"], "ERROR");
        }
    }
}

#[test]
fn reader_that_leaves_is_no_error() {
    let [prompt, attempt] = spans(Step::Stall("half".into()), stream(), 1);

    for span in [prompt, attempt] {
        assert_eq!(span.values["error.type"], "canceled");
        assert!(!span.values.contains_key("otel.status_code"));
    }
}

#[test]
fn neither_prompt_nor_answer_is_recorded() {
    let prompt = Prompt::chat("small", &[Message::user("a secret question")], true).unwrap();

    let seen = spans(Step::Answer("a secret answer".into()), prompt, usize::MAX);

    assert!(!format!("{seen:?}").contains("secret"), "{seen:?}");
}
