//! What an error costs: made bare, with context, and as the body of a response.

use std::hint::black_box;
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use maily::errors::retry::{Policy, decide};
use maily::errors::{Causes, Code, Error, Problem, Public, Respond, TraceContext};

/// The document of this error has nine members.
fn nine_members() -> Error {
    Error::new(Code::NodeThrottled, "the node is busy")
        .with_context("limit_per_minute", Public(60))
        .with_retry_after(Duration::from_millis(1500))
        .with_trace(TraceContext::root())
}

fn make(c: &mut Criterion) {
    let mut group = c.benchmark_group("errors");
    group.warm_up_time(Duration::from_millis(300)).measurement_time(Duration::from_millis(1500));
    group.bench_function("bare", |b| {
        b.iter(|| Err::<u64, Error>(Error::from_code(black_box(Code::Timeout))));
    });
    group.bench_function("message_and_operation", |b| {
        b.iter(|| Error::new(black_box(Code::Timeout), "it is slow").with_operation("bench::errors"));
    });
    group.bench_function("one_context_and_location", |b| {
        b.iter(|| {
            Error::new(Code::PromptTooLarge, "prompt is too long")
                .with_operation("bench::errors")
                .with_context("limit", Public(black_box(4096_u64)))
        });
    });
    group.finish();
}

fn travel(c: &mut Criterion) {
    let mut group = c.benchmark_group("errors");
    group.warm_up_time(Duration::from_millis(300)).measurement_time(Duration::from_millis(1500));
    let err = nine_members();
    let mut body = Vec::with_capacity(1024);
    group.bench_function("body_of_nine_members", |b| {
        b.iter(|| {
            body.clear();
            Problem::write(black_box(&err), &mut body);
            body.len()
        });
    });
    group.bench_function("problem", |b| b.iter(|| Problem::from(black_box(&err))));
    group.bench_function("respond", |b| b.iter(|| Respond.respond(black_box(&err))));
    let body = Problem::from(&err).to_json();
    group.bench_function("decode", |b| {
        b.iter(|| Problem::from_json(black_box(&body)).map(Error::from).is_ok());
    });
    let header = r#""gateway";code="unavailable";span_id="00f067aa0ba902b7", "mesh";code="no-node""#;
    group.bench_function("causes_from_header", |b| b.iter(|| Causes::parse(black_box(header))));
    let policy = Policy::default();
    let timeout = Error::from(Code::Timeout);
    group.bench_function("decide", |b| b.iter(|| decide(black_box(&timeout), true, 1, &policy, 0.5)));
    group.finish();
}

criterion_group!(benches, make, travel);
criterion_main!(benches);
