//! What an error costs: made bare, with context, and as the body of a response.

use std::hint::black_box;
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use maily::errors::{Code, Error, Problem, Public};

fn full() -> Error {
    Error::new(Code::NodeThrottled, "the node asks to slow down")
        .with_operation("llm_openai::complete")
        .with_context("limit_per_minute", Public(60))
        .with_retry_after(Duration::from_millis(1500))
}

fn errors(c: &mut Criterion) {
    let mut group = c.benchmark_group("errors");
    group.warm_up_time(Duration::from_millis(300)).measurement_time(Duration::from_millis(1500));
    group.bench_function("bare", |b| {
        b.iter(|| Err::<u32, Error>(Error::from(black_box(Code::Timeout))).is_err());
    });
    group.bench_function("message_and_operation", |b| {
        b.iter(|| {
            black_box(Error::new(black_box(Code::Timeout), "it is slow").with_operation("bench::errors"))
        });
    });
    group.bench_function("one_context", |b| {
        b.iter(|| black_box(Error::from(black_box(Code::Timeout)).with_context("limit_ms", 250_u64)));
    });
    let err = full();
    group.bench_function("problem", |b| b.iter(|| Problem::from(black_box(&err))));
    let problem = Problem::from(&err);
    group.bench_function("problem_body", |b| b.iter(|| black_box(&problem).to_json()));
    let body = problem.to_json();
    group.bench_function("problem_decode", |b| {
        b.iter(|| Problem::from_json(black_box(&body)).map(Error::from).is_ok());
    });
    group.finish();
}

criterion_group!(benches, errors);
criterion_main!(benches);
