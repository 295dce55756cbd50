//! Spans at a collector: the binary `maily`, nodes and a receiver of OTLP, all on real sockets.

#![expect(clippy::panic, clippy::unwrap_used, reason = "a test")]

mod collector;
mod real;
mod server;

#[path = "../trace/node.rs"]
mod node;

use std::time::{Duration, Instant};

use maily_errors::TraceContext;
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;

use crate::collector::{Act, Collector, text};
use crate::node::Act::{Cut, Fail, Silent, Words};
use crate::node::Fleet;
use crate::server::Server;

/// Sends soon, so that a test does not wait.
const SOON: &str = "delay_ms = 20";

/// One trace: the caller, the request, the prompt, and an attempt for each node that was asked.
fn assert_one_trace(spans: &[Span], caller: TraceContext, fleet: &Fleet) {
    let of = |kind: SpanKind, name: &str| {
        let found = spans.iter().filter(|span| span.kind == i32::from(kind) && span.name == name);
        found.cloned().collect::<Vec<_>>()
    };
    let [request] = &of(SpanKind::Server, "POST /v1/chat/completions")[..] else { panic!("{spans:?}") };
    let [prompt] = &of(SpanKind::Client, "chat m")[..] else { panic!("{spans:?}") };
    let attempts = of(SpanKind::Client, "attempt");

    assert!(spans.iter().all(|span| span.trace_id == caller.trace_id().to_bytes()));
    assert_eq!(request.parent_span_id, caller.span_id().to_bytes());
    assert_eq!(request.flags & 0x300, 0x300, "the caller is another process");
    assert_eq!(prompt.parent_span_id, request.span_id);
    assert_eq!(prompt.flags & 0x300, 0x100);
    assert!(attempts.iter().all(|attempt| attempt.parent_span_id == prompt.span_id));
    // The parent that each node read is an attempt that is here, and no attempt is here that no node read.
    let read: Vec<_> =
        fleet.seen().iter().map(|seen| seen.trace.unwrap().span_id().to_bytes().to_vec()).collect();
    assert_eq!(attempts.len(), read.len());
    assert!(attempts.iter().all(|attempt| read.contains(&attempt.span_id)));
    // Whatever is below begins and ends within what is above it.
    for (below, above) in attempts.iter().map(|attempt| (attempt, prompt)).chain([(prompt, request)]) {
        assert!(below.start_time_unix_nano >= above.start_time_unix_nano);
        assert!(below.end_time_unix_nano <= above.end_time_unix_nano, "{} {}", below.name, above.name);
    }
    assert_eq!(text(request, "http.route").as_deref(), Some("/v1/chat/completions"));
    assert_eq!(text(request, "http.request.method").as_deref(), Some("POST"));
    assert_eq!(text(prompt, "gen_ai.operation.name").as_deref(), Some("chat"));
    assert_eq!(text(prompt, "gen_ai.response.finish_reasons").as_deref(), Some("[stop]"));
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn one_trace_goes_from_the_caller_over_two_attempts_to_the_second_node() {
    let (fleet, collector) = (Fleet::start([Fail, Words]).await, Collector::start(Act::Take).await);
    let server = Server::start(&fleet, &collector.url(), SOON).await;
    let caller = TraceContext::root();

    server.stream(&format!("traceparent: {caller}\r\ntracestate: vendor=opaque\r\n")).await;

    let spans = collector.spans(4).await;
    assert_one_trace(&spans, caller, &fleet);
    assert!(fleet.seen().iter().all(|seen| seen.state.as_deref() == Some("vendor=opaque")));
    let first = fleet.seen()[0].trace.unwrap().span_id().to_bytes();
    let failed = spans.iter().find(|span| span.span_id == first).unwrap();
    assert_eq!(text(failed, "error.type").as_deref(), Some("node-failed"));
    assert_eq!(failed.status.as_ref().unwrap().code, 2);
    assert_eq!(text(failed, "server.port"), Some(fleet.port().to_string()));
    assert!(spans.iter().filter(|span| span.status.is_some()).count() == 1, "the others went well");
    let resource = collector.resource();
    for (name, value) in [("service.name", "maily"), ("service.version", env!("CARGO_PKG_VERSION"))] {
        assert_eq!(resource[name], value);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn hedge_and_a_stream_that_goes_on_are_attempts_of_the_same_prompt() {
    for acts in [[Silent, Words], [Cut, Words]] {
        let (fleet, collector) = (Fleet::start(acts).await, Collector::start(Act::Take).await);
        let server = Server::start(&fleet, &collector.url(), SOON).await;
        let caller = TraceContext::root();

        server.stream(&format!("traceparent: {caller}\r\n")).await;

        assert_one_trace(&collector.spans(4).await, caller, &fleet);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ids_in_a_problem_document_are_those_of_the_collector() {
    let (fleet, collector) = (Fleet::start([]).await, Collector::start(Act::Take).await);
    let server = Server::start(&fleet, &collector.url(), SOON).await;

    let answer = server.send("GET /v1/nothing", "", "").await;

    let spans = collector.spans(1).await;
    let problem: serde_json::Value = serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap();
    assert_eq!(problem["trace_id"], hex(&spans[0].trace_id));
    assert_eq!(problem["causes"][0]["span_id"], hex(&spans[0].span_id));
    assert!(spans[0].parent_span_id.is_empty(), "it began here");
}

#[tokio::test(flavor = "multi_thread")]
async fn flag_of_the_caller_decides_and_without_a_caller_the_share_does() {
    let (fleet, collector) = (Fleet::start([Words, Words, Words]).await, Collector::start(Act::Take).await);
    let server = Server::start(&fleet, &collector.url(), "delay_ms = 20\nsampled_pct = 0.0").await;
    let caller = TraceContext::root();
    let silent = caller.to_string();

    server.stream("").await;
    server.stream(&format!("traceparent: {}0\r\n", &silent[..silent.len() - 1])).await;
    server.stream(&format!("traceparent: {caller}\r\n")).await;
    server.end().await;

    assert_eq!(
        fleet.seen().iter().map(|seen| seen.trace.unwrap().is_sampled()).collect::<Vec<_>>(),
        [false, false, true]
    );
    let spans = collector.spans(3).await;
    assert!(spans.len() == 3 && spans.iter().all(|span| span.trace_id == caller.trace_id().to_bytes()));
    assert!(spans.iter().any(|span| span.parent_span_id == caller.span_id().to_bytes()));
}

#[tokio::test(flavor = "multi_thread")]
async fn shutdown_sends_what_is_left() {
    let (fleet, collector) = (Fleet::start([Words]).await, Collector::start(Act::Take).await);
    // Nothing is due within this test.
    let server = Server::start(&fleet, &collector.url(), "delay_ms = 60000").await;
    server.stream("").await;
    assert_eq!(collector.requests(), 0);

    server.end().await;

    assert_eq!(collector.spans(3).await.len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn collector_that_is_away_costs_no_answer_and_is_said_once() {
    let fleet = Fleet::start([Words; 20]).await;
    let server = Server::start(&fleet, &Collector::nobody().await, SOON).await;

    for _ in 0..20 {
        server.stream("").await;
    }
    let log = server.end().await;

    assert_eq!(log.matches("the collector is away").count(), 1, "{log}");
    assert_eq!(log.lines().filter(|line| line.contains("WARN")).count(), 1, "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn collector_that_never_answers_holds_neither_an_answer_nor_the_shutdown() {
    let fleet = Fleet::start([Words; 10]).await;
    let collector = Collector::start(Act::Silent).await;
    let server = Server::start(&fleet, &collector.url(), "delay_ms = 20\nflush_ms = 300").await;
    let start = Instant::now();
    for _ in 0..10 {
        server.stream("").await;
    }
    let served = start.elapsed();

    let start = Instant::now();
    let log = server.end().await;

    println!("10 prompts in {served:?}, shutdown in {:?}", start.elapsed());
    assert!(served < Duration::from_secs(8), "less than the collector's time-out");
    assert!(start.elapsed() < Duration::from_secs(8), "less than the collector's time-out");
    assert_eq!(log.matches("did not take the last spans in time").count(), 1, "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn full_queue_drops_and_counts() {
    let fleet = Fleet::start([Words; 10]).await;
    let collector = Collector::start(Act::Silent).await;
    let more = "delay_ms = 1\nqueue_spans = 4\nbatch_spans = 2\nflush_ms = 0";
    let server = Server::start(&fleet, &collector.url(), more).await;

    for _ in 0..10 {
        server.stream("").await;
    }

    let dropped = server.metric("maily_telemetry_spans_dropped_total{reason=\"queue-full\"}").await;
    // Thirty spans: four wait, and two are on their way. One more is that of asking for the metrics.
    println!("{dropped} of 30 spans were dropped");
    assert!((23..=26).contains(&dropped), "{dropped}");
}

#[tokio::test(flavor = "multi_thread")]
async fn collector_that_is_killed_gets_the_spans_when_it_is_back() {
    let fleet = Fleet::start([Words; 3]).await;
    let collector = Collector::start(Act::Take).await;
    let server = Server::start(&fleet, &collector.url(), SOON).await;
    server.stream("").await;
    collector.spans(3).await;

    let address = collector.kill();
    let missed = TraceContext::root();
    server.stream(&format!("traceparent: {missed}\r\n")).await;
    server.log_has("the collector is away").await;
    let again = Collector::start_at(address, Act::Take).await;

    let spans = again.spans(3).await;
    assert!(spans.iter().all(|span| span.trace_id == missed.trace_id().to_bytes()), "nothing twice");
    server.stream("").await;
    assert_eq!(again.spans(6).await.len(), 6);
    assert_eq!(server.metric("maily_telemetry_spans_exported_total").await % 3, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn collector_that_refuses_is_asked_once_for_each_batch() {
    let fleet = Fleet::start([Words; 2]).await;
    let collector = Collector::start(Act::Refuse).await;
    let server = Server::start(&fleet, &collector.url(), SOON).await;

    server.stream("").await;
    server.log_has("the collector refuses the spans").await;
    server.stream("").await;
    let log = server.end().await;

    assert_eq!(log.matches("the collector refuses the spans").count(), 1, "{log}");
    assert!(!log.contains("in time"), "{log}");
}
