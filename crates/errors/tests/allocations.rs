//! What an error costs in memory.

use std::hint::black_box;
use std::time::Duration;

use allocation_counter::measure;
use maily_errors::retry::{Policy, decide};
use maily_errors::{Code, Error, Problem, Public, TraceContext, Violation};

/// Counts what `work` allocates on this thread; what it returns is dropped in it.
fn allocations<T>(work: impl FnOnce() -> T) -> u64 {
    let mut work = Some(work);
    measure(|| {
        black_box(work.take().map(|work| work()));
    })
    .count_total
}

#[test]
fn error_is_two_words_and_its_result_is_no_larger() {
    assert!(size_of::<Error>() <= 16);
    assert_eq!(size_of::<Result<(), Error>>(), size_of::<Error>());
    assert_eq!(size_of::<Option<Error>>(), size_of::<Error>());
    assert_eq!(size_of::<Result<u64, Error>>(), size_of::<Error>());
}

#[test]
fn bare_code_allocates_nothing() {
    assert_eq!(allocations(|| Err::<u64, Error>(Error::from(black_box(Code::Timeout)))), 0);
    assert_eq!(allocations(|| Error::from(black_box(Code::Timeout)).into_persistent().status()), 0);
}

#[test]
fn message_operation_delay_trace_and_two_pairs_are_one_allocation() {
    let trace = TraceContext::root();

    let made = allocations(|| {
        Error::new(Code::PromptTooLarge, "prompt is too long")
            .with_operation("tests::allocations")
            .with_context("limit", Public(black_box(4096_u64)))
            .with_context("model", black_box("twenty-two bytes of it"))
            .with_retry_after(Duration::from_secs(1))
            .with_trace(trace)
    });

    assert_eq!(made, 1);
}

#[test]
fn long_text_a_third_pair_and_a_violation_take_one_allocation_each() {
    let made = allocations(|| {
        Error::from(Code::Invalid)
            .with_context("one", 1)
            .with_context("two", "a text of more than twenty-two bytes")
            .with_context("three", 3)
    });
    let empty = allocations(|| Error::from(Code::Invalid).with_violations([Violation::new("", "")]));

    assert_eq!(made, 1 + 1 + 1);
    assert_eq!(empty, 1 + 1);
}

#[test]
fn document_in_a_reused_buffer_allocates_nothing() {
    let err = Error::new(Code::NodeThrottled, "the node is \"busy\"")
        .with_context("limit_per_minute", Public(60))
        .with_context("ratio", Public(1.5))
        .with_context("streamed", Public(true))
        .with_context("model", Public("small\n"))
        .with_violation("/a", "is empty")
        .with_retry_after(Duration::from_millis(1500))
        .with_trace(TraceContext::root());
    let mut body = Vec::with_capacity(1024);

    let made = allocations(|| {
        for _ in 0..10 {
            body.clear();
            Problem::write(&err, &mut body);
        }
    });

    assert_eq!(made, 0);
    assert_eq!(String::from_utf8(body), String::from_utf8(Problem::from(&err).to_json()));
}

#[test]
fn decision_allocates_nothing() {
    let err = Error::from(Code::Timeout);

    assert_eq!(allocations(|| decide(&err, true, 1, &Policy::default(), 0.5)), 0);
}
